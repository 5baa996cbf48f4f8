import { request as httpRequest } from 'node:http';
import { makePng } from '@litegen/plugin-sdk/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { sqliteDatabase } from '../../../test/support/databases.js';

const { url: database } = sqliteDatabase();
const PICTURE = new Blob([new Uint8Array(makePng({ width: 64, height: 64 }))], { type: 'text/plain' });
const SMALL = { model: 'mock/paint', prompt: 'a red fox', size: '256x256' };
let base: string;

beforeAll(async () => {
  const { app } = await testApplication(database);
  await app.listen(0, '127.0.0.1');
  base = await app.getUrl();
});

interface Receipt {
  applied: string[];
  mapped: { param: string; to: unknown }[];
  dropped: { param: string }[];
}

interface Answer {
  id: string;
  data: { url?: string; b64_json?: string; index: number; content_type: string }[];
  receipt: Receipt;
  metadata: unknown;
  status: string;
  error: { code: string; param: string; message: string };
  [field: string]: unknown;
}

async function post(
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: Answer; text: string }> {
  const form = body instanceof FormData;
  const answer = await fetch(`${base}${path}`, {
    method: 'POST',
    body: form ? body : JSON.stringify(body),
    headers: { ...(form ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: (text.startsWith('{') ? JSON.parse(text) : {}) as Answer };
}

function form(entries: readonly (readonly [string, string | Blob])[]): FormData {
  const data = new FormData();
  for (const [name, value] of entries) data.append(name, value);
  return data;
}

const EDIT = [
  ['model', 'mock/paint'],
  ['prompt', 'add a moon'],
  ['size', '256x256'],
] as const;

async function count(): Promise<number> {
  const answer = await fetch(`${base}/v1/generations?per_page=1`);
  return ((await answer.json()) as { total: number }).total;
}

describe('POST /v1/images/generations', () => {
  it('answers all pictures with the exact length of the body', async () => {
    const answer = await post('/v1/images/generations', { ...SMALL, size: '1024x1024', n: 3, metadata: { order: 7 } });
    expect(answer.status).toBe(200);
    expect(answer.body.data.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(Number(answer.headers.get('content-length'))).toBe(Buffer.byteLength(answer.text));
    expect(answer.body.metadata).toEqual({ order: 7 });
    for (const { url, b64_json: base64 } of answer.body.data) {
      const file = Buffer.from(await (await fetch(url ?? '')).arrayBuffer());
      expect(file.equals(Buffer.from(base64 ?? '', 'base64'))).toBe(true);
    }
  });

  it('maps and drops in lax mode, says so, and takes the mode from the header', async () => {
    const request = { ...SMALL, size: '250x250', style: 'vivid', zoom: 2, partial_images: 2 };
    const answer = await post('/v1/images/generations', request, { 'x-litegen-strict': 'false' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-litegen-dropped-params')).toBe('style,zoom,partial_images');
    expect(answer.body.receipt.mapped).toEqual([expect.objectContaining({ param: 'size', from: '250x250', to: '256x256' })]);
    expect(answer.body.receipt.dropped.map(({ param }) => param)).toEqual(['style', 'zoom', 'partial_images']);
    const strict = await post('/v1/images/generations', { ...request, strict: true }, { 'x-litegen-strict': 'false' });
    expect([strict.status, strict.body.error.code]).toEqual([400, 'param_unsupported']);
    expect((await post('/v1/images/generations', SMALL, { 'x-litegen-strict': 'perhaps' })).status).toBe(400);
  });

  it('prices a dry run and the cost route alike, without a generation', async () => {
    const before = await count();
    const request = { model: 'mock/priced-paint', prompt: 'x', n: 2, quality: 'high', size: '1024x1024' };
    const dry = await post('/v1/images/generations?dryRun=true', request);
    const cost = await post('/v1/images/cost', request);
    expect(dry.body).toEqual(cost.body);
    expect(dry.body).toMatchObject({
      estimated: true,
      total_cost_usd: 0.334,
      total_cost_micros: 334_000,
      tokens_required: 334,
      model: 'mock/priced-paint',
    });
    expect(dry.body.receipt.applied).toEqual(expect.arrayContaining(['prompt', 'n', 'quality', 'size']));
    expect((await post('/v1/images/generations?dryRun=perhaps', request)).body.error.code).toBe('invalid_query');
    expect(await count()).toBe(before);
  });

  it('heeds Prefer', async () => {
    const slow = { ...SMALL, prompt: 'x [mock latency=3s]' };
    for (const prefer of ['respond-async', 'wait=0']) {
      const answer = await post('/v1/images/generations', { ...slow, seed: prefer.length }, { prefer });
      expect([answer.status, answer.body.status]).toEqual([202, 'processing']);
      expect(answer.headers.get('preference-applied')).toBe(prefer);
      expect(answer.headers.get('location')).toBe(`/v1/generations/${answer.body.id}`);
    }
    const quick = await post('/v1/images/generations', SMALL, { prefer: 'wait=30' });
    expect([quick.status, quick.body.data.length]).toEqual([200, 1]);
  });

  it('answers a repeated Idempotency-Key with the first generation', async () => {
    const headers = { 'idempotency-key': 'order-4711' };
    const first = await post('/v1/images/generations', { ...SMALL, prompt: 'once' }, headers);
    const again = await post('/v1/images/generations', { ...SMALL, prompt: 'once' }, headers);
    expect(again.body.id).toBe(first.body.id);
    expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([null, 'true']);
    expect((await post('/v1/images/generations', { ...SMALL, prompt: 'twice' }, headers)).body.error.code).toBe('idempotency_key_reused');
  });

  it('takes LiteGen’s form of a document with files', async () => {
    const document = { ...SMALL, reference_images: [{ type: 'blob', value: 'pic' }] };
    const taken = await post(
      '/v1/images/generations',
      form([
        ['request', JSON.stringify(document)],
        ['pic', PICTURE],
      ]),
    );
    expect(taken.status).toBe(200);
    expect(taken.body.receipt.applied).toContain('reference_images[0]');
    const asFile = new Blob([JSON.stringify(document)], { type: 'application/json' });
    expect(
      (
        await post(
          '/v1/images/cost',
          form([
            ['pic', PICTURE],
            ['request', asFile],
          ]),
        )
      ).status,
    ).toBe(200);
    const stray = await post(
      '/v1/images/generations',
      form([
        ['request', JSON.stringify(SMALL)],
        ['pic', PICTURE],
      ]),
    );
    expect(stray.body.error).toMatchObject({ code: 'ref_role_unknown', param: 'pic' });
    const text = await post(
      '/v1/images/generations',
      form([
        ['request', JSON.stringify(SMALL)],
        ['sise', '1x1'],
      ]),
    );
    expect(text.body.error).toMatchObject({ code: 'param_unsupported', param: 'sise' });
    const broken = await post('/v1/images/generations', form([['request', '{']]));
    expect(broken.body.error).toMatchObject({ code: 'malformed_request', param: 'request' });
  });
});

describe('POST /v1/images/edits', () => {
  it('takes a form with text for numbers, lists and objects, and empty fields for absent ones', async () => {
    const answer = await post(
      '/v1/images/edits',
      form([
        ['image', PICTURE],
        ['image[]', PICTURE],
        ['mask', PICTURE],
        ...EDIT,
        ['n', '2'],
        ['seed', '7'],
        ['quality', ''],
        ['background', 'opaque'],
        ['extra[mock][revise]', 'true'],
        ['metadata', '{"order":7}'],
        ['mask[]', new File([], '')],
      ]),
    );
    expect(answer.status).toBe(200);
    expect(answer.body.data).toHaveLength(2);
    expect(answer.body.data[0]).toHaveProperty('revised_prompt');
    expect(answer.body.metadata).toEqual({ order: 7 });
    expect(answer.body.receipt.applied).toEqual(
      expect.arrayContaining(['image', 'image[]', 'mask', 'n', 'seed', 'background', 'extra.mock', 'metadata']),
    );
    expect(answer.body.receipt.applied).not.toContain('quality');
  });

  it.each([
    ['a field that is no number', [['image', PICTURE], ...EDIT, ['n', 'two']], 400, 'param_invalid_type', 'n'],
    ['a file that is no picture', [['image', new Blob(['hello'], { type: 'image/png' })], ...EDIT], 400, 'reference_invalid', 'image'],
    ['an empty file with a name', [['image', new File([], 'empty.png')], ...EDIT], 400, 'reference_invalid', 'image'],
    ['a file of an unknown role', [['image', PICTURE], ['maks', PICTURE], ...EDIT], 400, 'ref_role_unknown', 'maks'],
    ['no image', EDIT, 400, 'ref_role_required', 'reference_images'],
    [
      'two masks',
      [['image', PICTURE], ['mask', PICTURE], ['mask', PICTURE], ...EDIT],
      400,
      'ref_role_count_out_of_range',
      'reference_images',
    ],
    [
      'a field name of a prototype',
      [['image', PICTURE], ...EDIT, ['extra[__proto__][x]', '1']],
      400,
      'param_unsupported',
      'extra[__proto__][x]',
    ],
  ] as const)('refuses %s', async (_what, entries, status, code, param) => {
    const answer = await post('/v1/images/edits', form(entries));
    expect({ status: answer.status, code: answer.body.error?.code, param: answer.body.error?.param }).toEqual({ status, code, param });
  });

  it('refuses a form that announces too much before it reads it, and another tenant’s or unknown file', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(`${base}/v1/images/edits`, {
        method: 'POST',
        headers: { 'content-type': 'multipart/form-data; boundary=x', 'content-length': String(1e12) },
      });
      request.once('response', (response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      request.once('error', reject);
      request.flushHeaders();
    });
    expect(status).toBe(413);
    const unknown = await post('/v1/images/edits', { ...SMALL, images: [{ file_id: 'asset-nothing' }] });
    expect(unknown.body.error).toMatchObject({ code: 'reference_invalid', param: 'images[0]' });
  });
});

describe('streams', () => {
  it('sends OpenAI’s events with everything that LiteGen adds', async () => {
    const answer = await post('/v1/images/generations', { ...SMALL, n: 2, stream: true, partial_images: 1 });
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(answer.headers.get('x-litegen-generation-id')).toMatch(/^litegen-img-/);
    const events = answer.text
      .trimEnd()
      .split('\n\n')
      .map((block) => ({ event: /^event: (.*)$/m.exec(block)?.[1], data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') as Answer }));
    expect(events.map(({ event }) => event)).toEqual([
      'image_generation.partial_image',
      'image_generation.completed',
      'image_generation.completed',
    ]);
    for (const { event, data } of events) expect(data['type']).toBe(event);
    expect(events[2]?.data).toMatchObject({
      index: 1,
      size: 'auto',
      width: 256,
      height: 256,
      output_format: 'png',
      receipt: { applied: expect.arrayContaining(['stream', 'partial_images']) },
    });
  });

  it('goes on without its client', async () => {
    const controller = new AbortController();
    const answer = await fetch(`${base}/v1/images/generations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...SMALL, prompt: 'x [mock latency=1s progress]', stream: true, partial_images: 3 }),
      signal: controller.signal,
    });
    const id = answer.headers.get('x-litegen-generation-id');
    controller.abort();
    const ended = await fetch(`${base}/v1/generations/${id}`, { headers: { prefer: 'wait=20' } });
    expect(((await ended.json()) as Answer).status).toBe('completed');
  });
});
