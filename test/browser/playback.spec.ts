import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';

const MASTER_KEY = 'browser-master-key-0123456789';
const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @throws Error that says what to install; these tests never pass without a browser. */
function browserPath(): string {
  const named = process.env['CHROMIUM_PATH'];
  const found = (named === undefined ? CANDIDATES : [named]).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(
    `There is no Chromium at ${named ?? CANDIDATES.join(', ')}. Install it ("apt-get install chromium"), or set CHROMIUM_PATH to one that plays H.264.`,
  );
}

const SHOP = readFileSync(new URL('./shop.js', import.meta.url));

interface Playback {
  readonly width: number;
  readonly height: number;
  readonly duration: number;
  readonly middle: number;
  readonly end: number;
  readonly frames: number;
}

describe('a browser', () => {
  const screenshots = process.env['SCREENSHOTS'] ?? mkdtempSync(join(tmpdir(), 'litegen-screenshots-'));
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let gateway: Gateway;
  let client: Client;
  /** The application of a customer, on an origin of its own. */
  let application: Server;
  let applicationUrl: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: browserPath(), args: FLAGS });
    gateway = await startGateway({ env: { LITEGEN__MASTER_KEY: MASTER_KEY } });
    client = new Client(gateway.url, MASTER_KEY);
    application = createServer((request, response) => {
      if (request.url === '/favicon.ico') response.writeHead(204).end();
      else if (request.url === '/shop.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(SHOP);
      else response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Shop</title><body></body>');
    });
    await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
    applicationUrl = `http://127.0.0.1:${(application.address() as AddressInfo).port}/`;
  });
  beforeEach(async () => {
    complaints.length = 0;
    context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
    page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
  });
  afterEach(() => context.close());
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    application?.closeAllConnections();
    application?.close();
    if (process.env['SCREENSHOTS'] === undefined) rmSync(screenshots, { recursive: true, force: true });
  });

  /** Calls a function of the shop's page. */
  function inShop<T>(name: string, argument: unknown): Promise<T> {
    return page.evaluate(`import('/shop.js').then((shop) => shop[${JSON.stringify(name)}](${JSON.stringify(argument)}))`);
  }

  it('shows the image behind its link on a page of another origin', async () => {
    const answer = await client.image({ model: 'mock/paint', prompt: 'a red fox under a teal sky', size: '512x512' });
    expect(answer.status, answer.text).toBe(200);
    const [{ url, b64_json: base64 } = { url: '', b64_json: '' }] = answer.json<{ data: { url: string; b64_json: string }[] }>().data;
    await page.goto(applicationUrl);
    const sizes = await inShop('showPictures', [url, `data:image/png;base64,${base64}`]);
    expect(sizes).toEqual([
      [512, 512],
      [512, 512],
    ]);
    await page.screenshot({ path: join(screenshots, 'image.png') });
    expect(complaints).toEqual([]);
  });

  it('plays the video behind its link to the end, and finds any moment of it', async () => {
    const created = await client.video({ model: 'mock/clip', prompt: 'a blue boat', seconds: '2', size: '640x360' });
    const { id } = created.json<{ id: string }>();
    await client.ended(id);
    const { video_url: link } = await client.read<{ video_url: string }>(`/v1/videos/${id}`);
    // The signature opens the file, not the way to the API.
    expect((await fetch(`${gateway.url}/v1/videos/${id}/content`)).status).toBe(401);

    const statuses: number[] = [];
    page.on('response', (response) => {
      if (response.url() === link) statuses.push(response.status());
    });
    await page.goto(applicationUrl);
    const seen = await inShop<Playback>('playFilm', link);
    expect(seen).toMatchObject({ width: 640, height: 360 });
    expect(seen.duration).toBeCloseTo(2, 1);
    expect(seen.middle).toBeCloseTo(1, 1);
    expect(seen.end).toBeCloseTo(seen.duration, 1);
    expect(seen.frames).toBeGreaterThan(4);
    expect(statuses).toContain(206);
    await page.screenshot({ path: join(screenshots, 'video.png') });
    expect(complaints).toEqual([]);
  });

  it('documents the API and tries it out', { timeout: 90_000 }, async () => {
    await page.goto(`${gateway.url}/docs`);
    await page.getByRole('button', { name: 'Authorize' }).click();
    // A key may come as a bearer token or in Azure's header; one of them is enough.
    const bearer = page.locator('.auth-container form', { hasText: 'Bearer' });
    await bearer.locator('input').fill(MASTER_KEY);
    await bearer.locator('.authorize').click();
    await bearer.locator('.btn-done').click();
    await page.screenshot({ path: join(screenshots, 'docs.png') });

    const operation = page.locator('.opblock-post', { has: page.locator('[data-path="/v1/images/generations"]') });
    await operation.locator('.opblock-summary-control').click();
    await operation.getByRole('button', { name: 'Execute' }).click();
    const live = operation.locator('.live-responses-table .response-col_status').last();
    await live.waitFor();
    await page.screenshot({ path: join(screenshots, 'try-it-out.png'), fullPage: true });
    expect((await live.innerText()).trim()).toMatch(/^200/);
    expect(await operation.locator('.live-responses-table').innerText()).toContain('litegen-img-');
    expect(complaints).toEqual([]);
  });
});
