import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makePng } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Resolver } from '../../src/platform/security/index.js';
import { testApplication } from '../support/application.js';
import { Client, failureOf } from '../support/client.js';
import { sqliteDatabase } from '../support/databases.js';

const CORPUS = JSON.parse(readFileSync(new URL('../../src/platform/security/egress.corpus.json', import.meta.url), 'utf8')) as Record<
  string,
  string[]
>;

/** What the name server of an attacker says; a list of lists is one answer after the other. */
const NAMES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  localhost: [['127.0.0.1', '::1']],
  'loopback.test': [['127.0.0.1']],
  'loopback6.test': [['::1']],
  'mapped.test': [['::ffff:127.0.0.1']],
  'mixed-last.test': [['93.184.216.34', '127.0.0.1']],
  'mixed-first.test': [['127.0.0.1', '93.184.216.34']],
  'metadata.test': [['169.254.169.254']],
  // Nobody answers at the first address, which is open in these tests; it is what a check before the request would be shown.
  'rebind.test': [['192.0.2.7'], ['127.0.0.1']],
};

const hits: string[] = [];
const servers: Server[] = [];

async function listen(server: Server, host: string, port = 0): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return (server.address() as AddressInfo).port;
}

/** Serves a picture to whoever reaches it, and remembers that. */
function canary(): Server {
  const picture = makePng();
  return createServer((request, response) => {
    hits.push(request.url ?? '');
    response.writeHead(200, { 'content-type': 'image/png' }).end(picture);
  });
}

function redirector(): Server {
  return createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://redirector.test');
    const location = Buffer.from(searchParams.get('to') ?? '', 'utf8').toString('latin1');
    response.writeHead(Number(searchParams.get('status') ?? 302), { location }).end();
  });
}

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
});

describe('a URL that a caller hands over', () => {
  const database = sqliteDatabase();
  const openDatabase = sqliteDatabase();
  let canaryPort = 0;
  let redirectorPort = 0;
  let guarded: Client;
  let open: Client;

  async function application(databaseUrl: string, allow: readonly string[]): Promise<Client> {
    const { app } = await testApplication(databaseUrl, { egress: { allow, allowed_ports: [80, 443, canaryPort] } });
    const asked = new Map<string, number>();
    app.get(Resolver).resolve = async (host) => {
      const answers = NAMES[host] ?? [[]];
      const turn = asked.get(host) ?? 0;
      asked.set(host, turn + 1);
      return answers[Math.min(turn, answers.length - 1)] ?? [];
    };
    await app.listen(0, '127.0.0.1');
    return new Client(await app.getUrl());
  }

  beforeAll(async () => {
    canaryPort = await listen(canary(), '127.0.0.1');
    // Where IPv6 exists, the same port of ::1 belongs to the canary too.
    await listen(canary(), '::1', canaryPort).catch(() => undefined);
    redirectorPort = await listen(redirector(), '127.0.0.1');
    guarded = await application(database.url, [`127.0.0.1:${redirectorPort}`, '192.0.2.0/24']);
    open = await application(openDatabase.url, [`127.0.0.1:${redirectorPort}`, '127.0.0.0/8', '::1/128']);
  });

  const withPort = (url: string): string => url.replaceAll('{port}', String(canaryPort));
  const redirected = (url: string): string => `http://127.0.0.1:${redirectorPort}/?to=${encodeURIComponent(withPort(url))}`;

  /** Every spelling in which a request can carry a URL. */
  const ROUTES: Readonly<Record<string, (url: string) => readonly [path: string, body: object]>> = {
    'reference_images of an image': (value) => [
      '/v1/images/generations',
      { model: 'mock/paint', prompt: 'x', reference_images: [{ type: 'url', value }] },
    ],
    'images of an edit': (value) => ['/v1/images/edits', { model: 'mock/paint', prompt: 'x', images: [{ image_url: value }] }],
    'mask of an edit': (value) => [
      '/v1/images/edits',
      {
        model: 'mock/paint',
        prompt: 'x',
        images: [{ image_url: `data:image/png;base64,${makePng().toString('base64')}` }],
        mask: { image_url: value },
      },
    ],
    'reference_images of a video': (value) => [
      '/v1/videos',
      { model: 'mock/clip', prompt: 'x', reference_images: [{ type: 'url', value, role: 'first_frame' }] },
    ],
    'input_reference of a video': (value) => ['/v1/videos', { model: 'mock/clip', prompt: 'x', input_reference: { image_url: value } }],
  };
  const usual = ROUTES['reference_images of an image'];

  async function expectRefused(url: string, route = usual): Promise<void> {
    if (route === undefined) throw new Error('there is no such route');
    const [path, body] = route(withPort(url));
    const answer = await guarded.send(path, { body });
    expect(answer.status, `${url}: ${answer.text}`).toBe(400);
    const { code, param } = failureOf(answer);
    // Nothing is fetched for a `data:` URL; what it holds is no picture. What has no scheme is taken for base64, and is none.
    const isUrl = /^\s*[a-z][a-z\d+.-]*:/i.test(url) && !url.startsWith('data:');
    expect(
      isUrl ? ['url_blocked', 'reference_fetch_failed'] : ['reference_invalid', ...['url_blocked', 'reference_fetch_failed']],
      url,
    ).toContain(code);
    expect(param, url).toMatch(/image|mask|reference/);
    expect(hits, url).toEqual([]);
  }

  it.each(Object.entries(ROUTES))('reaches the canary through %s when the operator opened it', async (_name, route) => {
    const [path, body] = route(withPort('http://127.0.0.1:{port}/picture'));
    const answer = await open.send(path, { body });
    expect(answer.status, answer.text).toBe(200);
    expect(hits.splice(0)).toEqual(['/picture']);
  });

  it('reaches the canary by a name, and by a redirect, when the operator opened it', async () => {
    for (const url of ['http://loopback.test:{port}/name', redirected('http://loopback.test:{port}/redirect')]) {
      const answer = await open.image({ model: 'mock/paint', prompt: 'x', reference_images: [{ type: 'url', value: withPort(url) }] });
      expect(answer.status, answer.text).toBe(200);
    }
    expect(hits.splice(0)).toEqual(['/name', '/redirect']);
  });

  it.each(Object.entries(CORPUS))('leads nowhere: %s', async (_group, urls) => {
    for (const url of urls) await expectRefused(url);
  });

  it.each(Object.entries(CORPUS))('leads nowhere by a redirect: %s', async (_group, urls) => {
    // A relative or empty location stays with the redirector, and what HTTP cannot carry in a header cannot be redirected to.
    for (const url of urls.filter((candidate) => /^\s*[a-z]/i.test(candidate) && !/[\r\n\t]/.test(candidate))) {
      await expectRefused(redirected(url));
    }
  });

  it.each(Object.entries(ROUTES))('leads nowhere through %s', async (_name, route) => {
    for (const url of [
      'http://127.0.0.1:{port}/',
      'http://[::ffff:7f00:1]:{port}/',
      'http://metadata.test/',
      'http://loopback.test:{port}/',
    ]) {
      await expectRefused(url, route);
      await expectRefused(redirected(url), route);
    }
  });

  it('is not believed when its name points elsewhere after it was checked', async () => {
    await expectRefused('http://rebind.test:{port}/');
    await expectRefused('http://rebind.test:{port}/');
    await expectRefused(redirected('http://rebind.test:{port}/'));
  });

  it('costs nothing when it is refused', async () => {
    await expectRefused('http://127.0.0.1:{port}/');
    expect(await guarded.generations()).toEqual([]);
  });
});
