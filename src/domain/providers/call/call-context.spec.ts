import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CallEvent, InputMedia, PluginLogger, StoredMedia, VendorRequestInit } from '@litegen/plugin-sdk';
import { type HttpSimulator, jsonReply, makeMp4, makePng, type SimulatorFault, startHttpSimulator } from '@litegen/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '../../../platform/common/index.js';
import { configSchema } from '../../../platform/config/index.js';
import { EgressService, OriginList, SystemResolver } from '../../../platform/security/index.js';
import { type BlobStore, openBlobStore } from '../../storage/index.js';
import { downloadMedia } from '../media-downloader.js';
import { createCallContext, EventGate, type HostCall } from './call-context.js';
import { createInputMedia } from './input-media.js';

let directory: string;
let store: BlobStore;
let egress: EgressService;
let vendor: HttpSimulator;
const maxOutputBytes = 2_000_000;
const picture = makePng({ width: 40, height: 30, bytes: 300_001 });
const logger: PluginLogger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'litegen-call-'));
  store = await openBlobStore(configSchema.parse({ storage: { path: directory } }), Date.now());
  egress = new EgressService(configSchema.parse({}), new SystemResolver());
  vendor = await startHttpSimulator((request) => {
    if (request.path === '/echo')
      return { status: 200, headers: { 'content-type': String(request.headers['content-type']) }, body: request.body };
    if (request.path === '/image') return jsonReply(200, { data: [{ b64_json: picture.toString('base64') }], usage: { images: 1 } });
    if (request.path === '/file.png') return { status: 200, body: picture };
    if (request.path === '/empty') return { status: 200, body: '' };
    if (request.path === '/half.png') return { status: 200, body: picture.subarray(0, 150_000) };
    if (request.path === '/words') return { status: 200, headers: { 'content-type': 'image/png' }, body: '<html>soon</html>' };
    if (request.path === '/error') return jsonReply(200, { error: { code: 'insufficient_quota', message: 'no credit left' } });
    if (request.path === '/refused') return jsonReply(200, { error: { code: 'content_policy_violation', message: 'no' } });
    if (request.path === '/huge') return { status: 200, body: Buffer.alloc(maxOutputBytes + 10) };
    if (request.path === '/moved') return { status: 302, headers: { location: '/file.png' }, body: '' };
    if (request.path === '/away') return { status: 302, headers: { location: 'http://169.254.169.254/' }, body: '' };
    return jsonReply(Number(request.query['status'] ?? 200), { ok: true });
  });
});

afterEach(async () => {
  await egress.onApplicationShutdown();
  await vendor.close();
  await rm(directory, { recursive: true, force: true });
});

const policy = () =>
  ({ kind: 'vendor', declared: new OriginList(['https://api.acme.test']), trusted: new OriginList([vendor.origin]) }) as const;

function makeCall(signal: AbortSignal = new AbortController().signal): HostCall {
  const account = { policy: policy(), secrets: new Map([['apiKey', 'k']]), options: { tier: 1 }, apiBase: vendor.origin };
  const services = { egress, store, clock: new Clock(), maxOutputBytes };
  return createCallContext(services, account, { signal, idempotencyKey: 'attempt-1', headersTimeoutMs: 500 }, logger);
}

async function input(data: Buffer, role = 'init'): Promise<InputMedia> {
  const writer = await store.createWriter(10_000_000);
  await writer.write(data);
  return createInputMedia(store, { role, blob: await writer.finish() });
}

const inject = (fault: SimulatorFault): void => vendor.inject(fault, { times: 1 });

describe('fetch', () => {
  it.each([0, 1, 2, 3, 300_000, 300_001, 300_002])('writes an input of %i bytes into JSON, with an exact length', async (length) => {
    const data = randomBytes(length);
    const media = await input(data);
    const json = { prompt: 'fog "é"', images: [media.base64(), media.base64()], first: media.dataUrl(), absent: undefined };
    const response = await makeCall().fetch(`${vendor.origin}/echo`, { json });
    const base64 = data.toString('base64');
    const expected = JSON.stringify({ prompt: 'fog "é"', images: [base64, base64], first: `data:${media.contentType};base64,${base64}` });
    const [request] = vendor.requests;
    expect(request?.body.equals(Buffer.from(expected))).toBe(true);
    expect(request).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(expected)) },
    });
    expect(response.headers['content-type']).toBe('application/json');
  });

  it('streams forms, with an exact length', async () => {
    const media = await input(picture, 'mask');
    const multipart = [
      { name: 'prompt', value: 'fog é' },
      { name: 'image[]', value: media, filename: 'a"\r\n.png', contentType: 'image/png' },
      { name: 'mask', value: media },
      { name: 'raw', value: new Uint8Array([65, 66]), contentType: 'application/x-raw' },
    ];
    await makeCall().fetch(`${vendor.origin}/x`, { multipart });
    const [request] = vendor.requests;
    expect(request?.headers['content-length']).toBe(String(request?.bodyBytes));
    const form = await request?.form();
    expect(form?.get('prompt')).toBe('fog é');
    const file = form?.get('image[]') as File;
    expect(file).toMatchObject({ type: 'image/png', size: picture.length });
    expect(Buffer.from(await file.arrayBuffer()).equals(picture)).toBe(true);
    expect(form?.get('mask')).toMatchObject({ name: 'mask.png', type: 'image/png' });
    expect(form?.get('raw')).toMatchObject({ name: 'raw.x', type: 'application/x-raw', size: 2 });
  });

  it('stores base64 media of answers, and tells what is known of it', async () => {
    const call = makeCall();
    const answer = (await (await call.fetch(`${vendor.origin}/image`)).json({ base64Keys: ['b64_json'] })) as {
      data: { b64_json: StoredMedia }[];
    };
    const stored = answer.data[0]?.b64_json as StoredMedia;
    expect(stored).toMatchObject({ kind: 'litegen.stored-media', bytes: picture.length });
    expect((await store.readAll(stored.sha256)).equals(picture)).toBe(true);
    expect(call.storedBlob(stored.sha256)).toMatchObject({ bytes: picture.length });
    const file = await (await call.fetch(`${vendor.origin}/file.png`)).store();
    expect(file).toEqual(stored);
  });

  it('goes nowhere but to the declared egress, and follows no redirect', async () => {
    const call = makeCall();
    for (const url of ['https://evil.test/', 'http://api.acme.test/', 'http://127.0.0.1:1/', 'nonsense']) {
      await expect(call.fetch(url, { submits: true }), url).rejects.toMatchObject({ code: 'internal', charged: 'no' });
    }
    expect(await call.fetch(`${vendor.origin}/moved`)).toMatchObject({ status: 302, ok: false });
    expect(vendor.requests).toHaveLength(1);
  });

  it.each([
    [true, 'unknown'],
    [false, 'no'],
  ] as const)('says what a failed request may have cost (submits: %s: %s)', async (submits, charged) => {
    const init: VendorRequestInit = { json: {}, submits };
    const call = makeCall();
    inject({ kind: 'drop' });
    await expect(call.fetch(`${vendor.origin}/x`, init)).rejects.toMatchObject({ code: 'unavailable', charged });
    inject({ kind: 'latency', ms: 3000 });
    await expect(call.fetch(`${vendor.origin}/x`, { ...init, headersTimeoutMs: 50 })).rejects.toMatchObject({ code: 'timeout', charged });
    const controller = new AbortController();
    inject({ kind: 'latency', ms: 3000 });
    const pending = makeCall(controller.signal).fetch(`${vendor.origin}/x`, init);
    setTimeout(() => controller.abort(), 50);
    await expect(pending).rejects.toMatchObject({ code: 'timeout', charged });
    await expect(makeCall(controller.signal).fetch(`${vendor.origin}/x`, init)).rejects.toMatchObject({ code: 'timeout', charged: 'no' });
    await vendor.close();
    await expect(makeCall().fetch(`${vendor.origin}/x`, init)).rejects.toMatchObject({ code: 'unavailable', charged: 'no' });
  });

  it('costs nothing when an input cannot be read', async () => {
    const media = await input(picture);
    await store.delete(media.sha256);
    const init: VendorRequestInit = { json: { image: media.base64() }, submits: true };
    await expect(makeCall().fetch(`${vendor.origin}/x`, init)).rejects.toMatchObject({ code: 'internal', charged: 'no' });
  });

  it.each([
    [200, true, 'unknown'],
    [200, false, 'no'],
    [400, true, 'no'],
    [500, true, 'unknown'],
  ] as const)('maps unreadable bodies of a %i (submits: %s) to charged %s', async (status, submits, charged) => {
    const call = makeCall();
    const url = `${vendor.origin}/?status=${status}`;
    const expected = { code: 'invalid_response', charged, vendorStatus: status };
    inject({ kind: 'garbage', status });
    await expect((await call.fetch(url, { json: {}, submits })).json()).rejects.toMatchObject(expected);
    inject({ kind: 'truncate' });
    await expect((await call.fetch(url, { json: {}, submits })).json({ base64Keys: ['b64_json'] })).rejects.toMatchObject(expected);
    if (status !== 200) return;
    inject({ kind: 'huge', bytes: 20_000_000 });
    await expect((await call.fetch(url, { json: {}, submits })).json()).rejects.toMatchObject(expected);
  });

  it('gives at most 1 MiB of text, and a body only once', async () => {
    const call = makeCall();
    const response = await call.fetch(`${vendor.origin}/echo`, { method: 'POST', body: 'x'.repeat(3_000_000) });
    expect(await response.text()).toHaveLength(1024 * 1024);
    await expect(response.json()).rejects.toThrow('only once');
  });

  it('hands out secrets by name', () => {
    const call = makeCall();
    expect([call.secret('apiKey'), call.hasSecret('apiKey'), call.hasSecret('other'), call.options, call.apiBase]).toEqual([
      'k',
      true,
      false,
      { tier: 1 },
      vendor.origin,
    ]);
    expect(() => call.secret('other')).toThrow(expect.objectContaining({ code: 'authentication_failed' }));
  });
});

describe('downloadMedia', () => {
  const options = () => ({
    ...{ egress, store, clock: new Clock(), policy: policy(), modality: 'image' as const, maxBytes: maxOutputBytes },
    signal: new AbortController().signal,
  });
  const download = (url: string, headers?: Record<string, string>) => downloadMedia({ kind: 'url', url, headers }, options());
  const failure = (code: string, retry: string, facts: object = {}) => ({ retry, failure: { code, ...facts } });

  it('stores links with their headers, redirects, data URLs, bytes and what is stored already', async () => {
    const blob = await download(`${vendor.origin}/moved`, { authorization: 'Key k' });
    expect(blob).toMatchObject({ width: 40, height: 30, contentType: 'image/png' });
    expect((await store.readAll(blob.sha256)).equals(picture)).toBe(true);
    expect(vendor.requests.map(({ headers }) => headers['authorization'])).toEqual(['Key k', 'Key k']);
    expect(await download(`data:image/png;base64,${picture.toString('base64')}`)).toEqual(blob);
    expect(await downloadMedia({ kind: 'bytes', data: new Uint8Array(picture) }, options())).toEqual(blob);
    const { sha256, bytes, contentType } = blob;
    const stored = { kind: 'litegen.stored-media', sha256, bytes, contentType } as const;
    expect(await downloadMedia(stored, options())).toEqual(blob);
    expect(await downloadMedia(stored, { ...options(), call: { storedBlob: () => ({ ...blob, width: 7 }) } })).toMatchObject({ width: 7 });
    await expect(downloadMedia({ ...stored, sha256: '0'.repeat(64) }, options())).rejects.toMatchObject(failure('internal', 'never'));
  });

  it.each([503, 404, 403, 410, 425, 400])('tries again when the vendor stumbles (%i)', async (status) => {
    inject({ kind: 'status', status });
    expect(await download(`${vendor.origin}/file.png`)).toMatchObject({ bytes: picture.length });
    expect(vendor.requests).toHaveLength(2);
  });

  it('takes no part of a file for the whole', async () => {
    inject({ kind: 'truncate', afterBytes: 100_000 });
    expect(await download(`${vendor.origin}/file.png`)).toMatchObject({ bytes: picture.length });
    expect(vendor.requests).toHaveLength(2);
  });

  it.each([
    ['/?status=500', 'unavailable', 'until_deadline', 'yes'],
    ['/?status=403', 'output_expired', 'briefly', 'yes'],
    ['/?status=404', 'output_expired', 'briefly', 'yes'],
    ['/?status=410', 'output_expired', 'briefly', 'yes'],
    ['/?status=425', 'unavailable', 'briefly', 'yes'],
    ['/?status=401', 'unavailable', 'briefly', 'yes'],
    ['/words', 'invalid_response', 'briefly', 'unknown'],
    ['/half.png', 'invalid_response', 'briefly', 'unknown'],
    ['/error', 'quota_exhausted', 'briefly', 'unknown'],
    ['/empty', 'invalid_response', 'never', 'unknown'],
  ])('gives %s three tries', async (path, code, retry, charged) => {
    await expect(download(vendor.origin + path)).rejects.toMatchObject(failure(code, retry, { charged }));
    expect(vendor.requests).toHaveLength(3);
  });

  it.each([
    ['/away', 'invalid_response', 'yes'],
    ['/refused', 'content_rejected', 'unknown'],
    ['/huge', 'invalid_response', 'yes'],
  ])('does not try %s again', async (path, code, charged) => {
    await expect(download(vendor.origin + path)).rejects.toMatchObject(failure(code, 'never', { charged }));
    expect(vendor.requests).toHaveLength(1);
  });

  it.each(['http://127.0.0.1:9/x.png', 'ftp://api.acme.test/x.png', 'https://user:word@api.acme.test/x.png'])(
    'refuses %s at once',
    async (url) => {
      await expect(download(url)).rejects.toMatchObject(failure('invalid_response', 'never'));
    },
  );

  it('keeps the words of an error that stands in place of the file', async () => {
    await expect(download(`${vendor.origin}/error`)).rejects.toMatchObject({
      failure: { message: 'no credit left', vendorCode: 'insufficient_quota' },
    });
  });

  it.each<readonly [string, Buffer]>([
    ['words', Buffer.from('<html>soon</html>')],
    ['an error', Buffer.from('{"error":{"message":"no"}}')],
    ['half a picture', picture.subarray(0, 5000)],
    ['a video', makeMp4()],
  ])('takes %s for no picture, wherever it stands', async (_what, data) => {
    const refused = { retry: 'never', failure: { charged: 'unknown' } };
    await expect(downloadMedia({ kind: 'bytes', data: new Uint8Array(data) }, options())).rejects.toMatchObject(refused);
    await expect(download(`data:image/png;base64,${data.toString('base64')}`)).rejects.toMatchObject(refused);
    const writer = await store.createWriter(1e6);
    await writer.write(data);
    const { sha256, bytes, contentType } = await writer.finish();
    await expect(downloadMedia({ kind: 'litegen.stored-media', sha256, bytes, contentType }, options())).rejects.toMatchObject(refused);
  });
});

const preview = (index: number): CallEvent => ({ type: 'partial_image', index, media: { kind: 'url', url: 'https://x.test/1.png' } });

describe('events of a plugin', () => {
  it('tell each step of the progress once, and never backwards', async () => {
    const told: CallEvent[] = [];
    const gate = new EventGate(new AbortController().signal, (event) => void told.push(event));
    for (const progress of [0, 10, 10.4, 5, Number.NaN, 11, 11, 100]) await gate.take({ type: 'progress', progress });
    expect(told.map((event) => 'progress' in event && event.progress)).toEqual([0, 10, 11, 100]);
  });

  it('leave the event loop to others, however many come', async () => {
    const gate = new EventGate(new AbortController().signal, () => undefined);
    let isOver = false;
    const flood = (async () => {
      while (!isOver) await gate.take({ type: 'progress', progress: 1 });
    })();
    await new Promise((resolve) => setTimeout(resolve, 20));
    isOver = true;
    await flood;
  });

  it('bring previews one after another, and not without end', async () => {
    let running = 0;
    let most = 0;
    let fetched = 0;
    const gate = new EventGate(new AbortController().signal, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      fetched += 1;
    });
    await Promise.all(Array.from({ length: 1000 }, (_one, index) => gate.take(preview(index))));
    expect([most, fetched]).toEqual([1, 4]);
    for (let index = 0; index < 1000; index += 1) await gate.take(preview(index));
    expect(fetched).toBe(64);
  });

  it('are nothing once the call was given up, and a preview that fails stays alone', async () => {
    const controller = new AbortController();
    const told: CallEvent[] = [];
    const gate = new EventGate(controller.signal, (event) => {
      if (event.type === 'partial_image' && event.index === 0) throw new Error('broken');
      told.push(event);
    });
    await expect(gate.take(preview(0))).rejects.toThrow('broken');
    await gate.take(preview(1));
    controller.abort();
    await gate.take(preview(2));
    expect(told).toEqual([preview(1)]);
  });
});
