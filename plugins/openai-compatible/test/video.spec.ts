import { type Json, type JsonObject, type OperationStatus, type PluginInstance, ProviderError } from '@litegen/plugin-sdk';
import { createTestCall, createTestSetup, type TestCall, testInput, testVideoRequest } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { COMPATIBLE_PROMPTS, type CompatibleSimulator, startCompatibleSimulator } from '../simulator/index.js';
import plugin from '../src/index.js';

const vendors = new Map<string, CompatibleSimulator>();
const DIALECTS = ['vllm-omni', 'sglang'] as const;

beforeAll(async () => {
  for (const flavour of DIALECTS) vendors.set(flavour, await startCompatibleSimulator({ flavour, apiKey: 'key', videoPolls: 2 }));
});
beforeEach(() => {
  for (const vendor of vendors.values()) vendor.reset();
});
afterAll(() => Promise.all([...vendors.values()].map((vendor) => vendor.close())));

type Partial = Parameters<typeof testVideoRequest>[0];

interface Session {
  readonly vendor: CompatibleSimulator;
  readonly call: TestCall;
  /** The gateway's clock goes on. */
  wait(seconds: number): void;
  start(request?: Partial): Promise<Json>;
  status(operation: Json): Promise<OperationStatus | undefined>;
  cancel: NonNullable<NonNullable<PluginInstance['video']>['cancel']>;
}

function session(dialect: string, flavour: string = dialect): Session {
  const vendor = vendors.get(flavour);
  if (!vendor) throw new Error(`no vendor plays ${flavour}`);
  let nowMs = Date.now();
  const call = createTestCall({ apiBase: vendor.origin, secrets: { apiKey: 'key' }, now: () => new Date(nowMs) });
  const options: JsonObject = { dialect };
  // A new instance per question: another replica may ask.
  const video = () => plugin.create(createTestSetup('gpu-1', options)).video;
  return {
    vendor,
    call,
    wait: (seconds) => {
      nowMs += seconds * 1000;
    },
    start: async (request) => {
      const result = await video()?.start(testVideoRequest(request), call);
      if (result?.state !== 'started') throw new Error('videos are jobs');
      return JSON.parse(JSON.stringify(result.operation)) as Json;
    },
    status: async (operation) => video()?.status?.(operation, call),
    cancel: async (operation, asking) => (await video()?.cancel?.(operation, asking)) ?? 'unsupported',
  };
}

async function failure(promise: Promise<unknown>): Promise<ProviderError> {
  const error = await promise.catch((thrown: unknown) => thrown);
  if (!ProviderError.is(error)) throw new Error(`expected a ProviderError, got ${String(error)}`);
  return error;
}

describe.each(DIALECTS)('the life of a video on %s', (dialect) => {
  it('starts, waits and points at the content', async () => {
    const { vendor, call, start, status } = session(dialect);
    const operation = await start({ params: { duration_seconds: 5, size: { width: 832, height: 480 } } });
    const content = `${vendor.apiBase}/videos/${(operation as { id: string }).id}/content`;
    expect((await fetch(content, { headers: { authorization: 'Bearer key' } })).status).toBe(404);
    expect(await status(operation)).toMatchObject({ state: 'pending' });
    const done = await status(operation);
    expect(done).toEqual({
      state: 'succeeded',
      outputs: [{ media: { kind: 'url', url: content, headers: { authorization: 'Bearer key' } } }],
      usage: { seconds: 5 },
    });
    const bytes = await fetch(content, { headers: { authorization: 'Bearer key' } });
    expect([bytes.status, (await bytes.arrayBuffer()).byteLength]).toEqual([200, 4096]);
    expect(call.requests[0]?.submits).toBe(true);
  });

  it('starts from a first frame', async () => {
    const { vendor, start } = session(dialect);
    await start({ inputs: [testInput({ role: 'first_frame' })], params: { fps: 24 } });
    const form = await vendor.requests[0]?.form();
    expect(form?.get('input_reference')).toBeInstanceOf(File);
    expect(form?.get('fps')).toBe('24');
  });

  it('reports a failed job, and one that the server forgot', async () => {
    const { vendor, start, status, wait } = session(dialect);
    const failing = await start({ prompt: COMPATIBLE_PROMPTS.videoFails });
    await status(failing);
    expect(await status(failing)).toEqual({
      state: 'failed',
      error: { code: 'unavailable', message: 'The pipeline raised an exception.', charged: 'no', vendorCode: 'internal_error' },
    });
    vendor.restart();
    // Another process of the server may not have heard of it yet.
    expect(await failure(status(failing))).toMatchObject({ code: 'unavailable', vendorStatus: 404 });
    wait(61);
    expect(await status(failing)).toMatchObject({ state: 'failed', error: { charged: 'unknown' } });
    vendor.inject({ kind: 'status', status: 200, body: { error: { message: 'Video not found' } } });
    expect(await status(failing)).toMatchObject({ state: 'failed', error: { charged: 'unknown' } });
  });

  it('throws when the question itself fails', async () => {
    const { vendor, start, status } = session(dialect);
    const operation = await start();
    vendor.inject({ kind: 'status', status: 503 });
    expect(await failure(status(operation))).toMatchObject({ code: 'unavailable' });
    vendor.inject({ kind: 'garbage' });
    expect(await failure(status(operation))).toMatchObject({ code: 'invalid_response', charged: 'no' });
    expect(await status(operation)).toMatchObject({ state: 'pending' });
  });
});

describe('what goes out', () => {
  it('is multipart with text for vLLM-Omni, JSON with a number for SGLang', async () => {
    const params = { duration_seconds: 4.6, steps: 20, seed: 1 };
    const omni = session('vllm-omni');
    await omni.start({ params: { ...params, audio: true } });
    expect(Object.fromEntries((await omni.vendor.requests[0]?.form()) ?? [])).toEqual({
      prompt: 'a lighthouse in fog',
      seconds: '5',
      num_inference_steps: '20',
      seed: '1',
      generate_sound: 'true',
    });
    expect(omni.call.warnings).toEqual([expect.objectContaining({ param: 'duration_seconds', action: 'mapped' })]);
    const sglang = session('sglang');
    await sglang.start({ params });
    expect(sglang.vendor.requests[0]?.json()).toMatchObject({ seconds: 5, num_inference_steps: 20, seed: 1 });
    expect(await failure(sglang.start({ params: { audio: true } }))).toMatchObject({ code: 'unsupported', param: 'audio' });
  });

  it('refuses references that have no place', async () => {
    const { vendor, start } = session('vllm-omni');
    const frames = [testInput({ role: 'first_frame' }), testInput({ role: 'last_frame' })];
    expect(await failure(start({ inputs: frames }))).toMatchObject({ code: 'unsupported', param: 'last_frame' });
    expect(await failure(start({ inputs: frames.slice(1) }))).toMatchObject({ param: 'last_frame' });
    expect(vendor.requests).toHaveLength(0);
  });

  it('needs a job id to go on', async () => {
    const { vendor, start, status } = session('sglang');
    vendor.inject({ kind: 'status', status: 200, body: { status: 'queued' } });
    expect(await failure(start())).toMatchObject({ code: 'invalid_response', charged: 'unknown' });
    expect(await failure(status({ other: 1 }))).toMatchObject({ code: 'internal' });
  });

  it('keeps waiting on a status word that it does not know', async () => {
    const { vendor, start, status } = session('sglang');
    const operation = await start();
    vendor.inject({ kind: 'status', status: 200, body: { id: 'x', status: 'warming_up', progress: 3 } });
    expect(await status(operation)).toEqual({ state: 'pending', progress: 3, unrecognizedStatus: 'warming_up' });
    vendor.inject({ kind: 'status', status: 200, body: { id: 'x', status: 'deleted' } });
    expect(await status(operation)).toEqual({ state: 'cancelled', charged: 'no' });
  });
});

describe('cancellation', () => {
  it('is a DELETE that vLLM-Omni confirms', async () => {
    const { vendor, call, start, cancel } = session('vllm-omni');
    const operation = await start();
    expect(await cancel(operation, call)).toBe('cancelled');
    expect(vendor.videosAborted()).toBe(1);
    expect(await cancel(operation, call)).toBe('too_late');
  });

  it('is left alone where a DELETE only forgets the record', async () => {
    const { vendor, call, start, cancel } = session('sglang');
    const operation = await start();
    expect(await cancel(operation, call)).toBe('unsupported');
    expect(vendor.count(/./, 'DELETE')).toBe(0);
  });

  it.each([
    [204, '', 'cancelled'],
    [200, { id: 'x', object: 'video', status: 'deleted' }, 'cancelled'],
    [200, { id: 'x', object: 'video', status: 'completed' }, 'too_late'],
    [409, { detail: 'finished' }, 'too_late'],
    [405, { detail: 'Method Not Allowed' }, 'unsupported'],
  ] as const)('of a gateway that answers %i %o is %s', async (status, body, result) => {
    const { vendor, call, start, cancel } = session('openai', 'sglang');
    const operation = await start();
    vendor.inject({ kind: 'status', status, body }, { method: 'DELETE' });
    expect(await cancel(operation, call)).toBe(result);
  });

  it.each<readonly [string, string, number]>([
    ['completed', 'too_late', 0],
    ['SUCCEEDED', 'too_late', 0],
    ['failed', 'too_late', 0],
    ['canceled', 'cancelled', 0],
    ['running', 'cancelled', 1],
    ['warming_up', 'cancelled', 1],
  ])('of a job that is %s is %s, with %i deletions', async (word, result, deletions) => {
    const { vendor, call, start, cancel } = session('vllm-omni');
    const operation = await start();
    vendor.inject({ kind: 'status', status: 200, body: { id: 'x', status: word } }, { method: 'GET' });
    expect(await cancel(operation, call)).toBe(result);
    expect(vendor.count(/./, 'DELETE')).toBe(deletions);
  });

  it('deletes nothing that is there under a status word that nobody knows', async () => {
    const { vendor, call, start, status, cancel } = session('vllm-omni');
    const operation = await start();
    await status(operation);
    await status(operation);
    const unknown = { kind: 'status', status: 200, body: { id: 'x', status: 'baked' } } as const;
    vendor.inject(unknown, { path: /\/videos\/[^/]+$/, method: 'GET', times: 2 });
    expect(await cancel(operation, call)).toBe('too_late');
    expect(vendor.count(/./, 'DELETE')).toBe(0);
    expect(await status(operation)).toMatchObject({ state: 'succeeded', outputs: [{ media: { kind: 'url' } }] });
  });

  it('is not tried while the server cannot be asked', async () => {
    const { vendor, call, start, cancel } = session('vllm-omni');
    const operation = await start();
    vendor.inject({ kind: 'status', status: 503 }, { method: 'GET' });
    expect(await failure(cancel(operation, call))).toMatchObject({ code: 'unavailable' });
    expect(vendor.count(/./, 'DELETE')).toBe(0);
  });
});

describe('the result', () => {
  const URL_1 = 'https://cdn.example.com/1.mp4';
  it.each<readonly [string, object, string | undefined]>([
    ['video_url', { video_url: URL_1 }, URL_1],
    ['data', { data: [{ url: URL_1 }] }, URL_1],
    ['outputs', { outputs: { video_url: URL_1, cost: 0.66 } }, URL_1],
    ['content', { content: { video_url: URL_1, last_frame_url: null } }, URL_1],
    ['a link to the server', { url: '/files/1.mp4' }, '/files/1.mp4'],
    ['its own address', { url: '/v1/videos/x' }, undefined],
    ['nothing but its inputs', { image_url: URL_1, input: { url: URL_1 } }, undefined],
  ])('is taken from where the job names it: %s', async (_where, fields, link) => {
    const { vendor, start, status } = session('vllm-omni');
    const operation = await start();
    const own = `${vendor.origin}/v1/videos/${(operation as { id: string }).id}`;
    const body = { ...fields, status: 'completed', ...('url' in fields && link === undefined ? { url: own } : {}) };
    vendor.inject({ kind: 'status', status: 200, body });
    const done = await status(operation);
    const isOwn = link === undefined || link.startsWith('/');
    const url = link === undefined ? `${own}/content` : isOwn ? vendor.origin + link : link;
    expect(done).toMatchObject({ state: 'succeeded', outputs: [{ media: { kind: 'url', url } }] });
    const media = done?.state === 'succeeded' ? done.outputs[0]?.media : undefined;
    expect(media && 'headers' in media).toBe(isOwn);
  });
});
