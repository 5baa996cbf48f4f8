import { type ImageProvider, type Output, PROVIDER_ERROR_CODES, type StartResult, type VideoProvider } from '@litegen/plugin-sdk';
import {
  createTestCall,
  createTestSetup,
  sniffContentType,
  type TestCallOptions,
  testImageRequest,
  testInput,
  testVideoRequest,
} from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { Canvas } from '../src/canvas.js';
import plugin from '../src/index.js';
import { encodePng } from '../src/png.js';
import { decodePng } from '../src/png-decode.js';

function whole<Provider extends ImageProvider | VideoProvider>(provider: Provider | undefined) {
  if (provider?.status === undefined || provider.cancel === undefined) return expect.fail('a provider without operations');
  return provider as Provider & Required<Pick<Provider, 'status' | 'cancel'>>;
}

function create(options = {}) {
  const { image, video } = plugin.create(createTestSetup('mock', options));
  return { image: whole(image), video: whole(video) };
}

const paint = (prompt: string, more = {}) => testImageRequest({ prompt, model: { id: 'mock/paint' }, ...more });
const clip = (prompt: string, more = {}) => testVideoRequest({ prompt, model: { id: 'mock/clip' }, ...more });
const at = (milliseconds: number, more: TestCallOptions = {}) => createTestCall({ now: () => new Date(milliseconds), ...more });

function bytesOf(output: Output | undefined): Uint8Array {
  return output?.media.kind === 'bytes' ? output.media.data : expect.fail('no bytes');
}

function doneOf(result: StartResult) {
  return result.state === 'done' ? result : expect.fail(result.state);
}

function operationOf(result: StartResult) {
  return result.state === 'started' ? JSON.parse(JSON.stringify(result.operation)) : expect.fail(result.state);
}

describe('images', () => {
  it('draws at once, in the size that was asked for', async () => {
    const result = doneOf(await create().image.start(paint('a boat', { params: { size: { width: 320, height: 200 } } }), createTestCall()));
    const canvas = await decodePng(bytesOf(result.outputs[0]));
    expect([canvas?.width, canvas?.height]).toEqual([320, 200]);
    expect(result.usage).toEqual({ images: 1 });
  });

  it('draws n different pictures with seeds that count on, the same every time', async () => {
    const request = paint('a boat', { n: 3, params: { seed: 41 } });
    const { outputs } = doneOf(await create().image.start(request, createTestCall()));
    expect(outputs.map(({ seed }) => seed)).toEqual([41, 42, 43]);
    expect(new Set(outputs.map((output) => Buffer.from(bytesOf(output)).toString('base64'))).size).toBe(3);
    expect(doneOf(await create().image.start(request, createTestCall({ idempotencyKey: 'other' }))).outputs).toEqual(outputs);
  });

  it('does not draw its directives', async () => {
    const plain = doneOf(await create().image.start(paint('a boat'), createTestCall()));
    const directed = doneOf(await create().image.start(paint('a boat [mock progress]'), createTestCall()));
    expect(directed.outputs).toEqual(plain.outputs);
  });

  it('draws in the format that was asked for, partial pictures too', async () => {
    const begins = { png: '89504e47', jpeg: 'ffd8ffe0', webp: '52494646' };
    for (const [format, magic] of Object.entries(begins)) {
      const call = createTestCall();
      const size = { width: 128, height: 64 };
      const request = paint('a boat', { params: { size, output_format: format, background: 'transparent' }, partialImages: 1 });
      const { outputs } = doneOf(await create().image.start(request, call));
      const [event] = call.events;
      const partial = event?.type === 'partial_image' && event.media.kind === 'bytes' ? event.media.data : expect.fail('no partial image');
      for (const bytes of [bytesOf(outputs[0]), partial]) expect(Buffer.from(bytes).toString('hex', 0, 4)).toBe(magic);
      expect(call.warnings).toEqual([]);
    }
  });

  it('keeps as much of a reference as the fidelity says', async () => {
    const green = new Canvas(64, 64);
    green.fillRectangle(0, 0, 64, 64, [0, 200, 0]);
    const inputs = [testInput({ bytes: await encodePng(green) })];
    const distances: number[] = [];
    for (const params of [{ input_fidelity: 'low' }, {}, { input_fidelity: 'high' }]) {
      const { outputs } = doneOf(
        await create().image.start(
          paint('a red boat', { operation: 'image.edit', inputs, params: { ...params, quality: 'low' } }),
          createTestCall(),
        ),
      );
      const canvas = (await decodePng(bytesOf(outputs[0]))) ?? expect.fail('no picture');
      const place = (Math.round(canvas.height * 0.9) * canvas.width + canvas.width - 1) * canvas.channels;
      distances.push(Math.hypot(...[0, 200, 0].map((value, channel) => value - (canvas.pixels[place + channel] ?? 0))));
    }
    expect(distances).toEqual([...distances].sort((first, second) => second - first));
    expect(new Set(distances).size).toBe(3);
  });

  it('fits the picture to a ratio', async () => {
    const { outputs } = doneOf(await create().image.start(paint('a boat', { params: { aspect_ratio: '16:9' } }), createTestCall()));
    const canvas = await decodePng(bytesOf(outputs[0]));
    expect([canvas?.width, canvas?.height]).toEqual([512, 288]);
  });

  it('tells when size makes it ignore the ratio', async () => {
    const call = createTestCall();
    await create().image.start(paint('a boat', { params: { size: { width: 256, height: 256 }, aspect_ratio: '16:9' } }), call);
    expect(call.warnings).toMatchObject([{ param: 'aspect_ratio', action: 'dropped' }]);
  });

  it('hands over partial images that get sharper', async () => {
    const call = createTestCall();
    const result = doneOf(await create().image.start(paint('a boat', { partialImages: 3 }), call));
    const partials = call.events.filter((event) => event.type === 'partial_image');
    expect(partials.map(({ index }) => index)).toEqual([0, 1, 2]);
    const final = (await decodePng(bytesOf(result.outputs[0]))) ?? expect.fail();
    const differences = await Promise.all(
      partials.map(async (event) => {
        const canvas = (await decodePng(bytesOf(event))) ?? expect.fail();
        return canvas.pixels.reduce((sum, value, index) => sum + Math.abs(value - (final.pixels[index] ?? 0)), 0);
      }),
    );
    expect(differences).toEqual(differences.toSorted((first, second) => second - first));
    expect(new Set(differences).size).toBe(3);
  });

  it('uses references and mask', async () => {
    const inputs = [testInput({ role: 'init' }), testInput({ role: 'mask', width: 32 })];
    const pictures = await Promise.all(
      [inputs, inputs.slice(0, 1), []].map(async (some) => {
        return bytesOf(doneOf(await create().image.start(paint('an edit', { inputs: some }), createTestCall())).outputs[0]);
      }),
    );
    expect(new Set(pictures.map((picture) => Buffer.from(picture).toString('base64'))).size).toBe(3);
  });

  it('delivers fewer, damaged, revised or priced outputs on request', async () => {
    const prompt = 'a boat [mock outputs=1 corrupt revise cost=0.125]';
    const result = doneOf(await create().image.start(paint(prompt, { n: 2 }), createTestCall()));
    expect(result.outputs).toHaveLength(1);
    expect(result.usage).toEqual({ images: 1 });
    expect(sniffContentType(bytesOf(result.outputs[0]))).toBe('application/octet-stream');
    expect(result.outputs[0]?.revisedPrompt).toContain('a boat');
    expect(result.costUsd).toBe('0.125');
  });

  it('becomes an operation on request', async () => {
    const operation = operationOf(await create().image.start(paint('a boat [mock async latency=1s]'), at(0)));
    expect(await create().image.status(operation, at(999))).toEqual({ state: 'pending' });
    const ended = await create().image.status(operation, at(1000));
    const direct = doneOf(await create().image.start(paint('a boat'), at(0)));
    expect(ended).toMatchObject({ state: 'succeeded', outputs: direct.outputs });
  });

  it('refuses sizes that no memory holds', async () => {
    const request = paint('a boat', { params: { size: { width: 100_000, height: 100_000 } } });
    await expect(create().image.start(request, createTestCall())).rejects.toMatchObject({ code: 'invalid_request', param: 'size' });
  });
});

describe('videos', () => {
  it('finishes as an operation that any instance can follow', async () => {
    const started = await create().video.start(clip('a boat', { params: { duration_seconds: 1 } }), at(0));
    const ended = await create().video.status(operationOf(started), at(0));
    expect(ended).toMatchObject({ state: 'succeeded', usage: { seconds: 1 } });
    expect(sniffContentType(bytesOf(ended.state === 'succeeded' ? ended.outputs[0] : undefined))).toBe('video/mp4');
  });

  it('takes as long as asked, and tells its progress on request', async () => {
    const { video } = create({ latency_ms: 60_000 });
    const slow = operationOf(await video.start(clip('a boat'), at(0)));
    expect(await video.status(slow, at(59_999))).toEqual({ state: 'pending' });
    const quick = operationOf(await video.start(clip('a boat [mock latency=4s progress]'), at(0)));
    expect(await video.status(quick, at(1000))).toEqual({ state: 'pending', progress: 25 });
    expect(await video.status(quick, at(4000))).toMatchObject({ state: 'succeeded' });
  });

  it('answers with unknown words, or pending for ever', async () => {
    const { video } = create();
    const odd = operationOf(await video.start(clip('a boat [mock status=unrecognized]'), at(0)));
    expect(await video.status(odd, at(1e12))).toEqual({ state: 'pending', unrecognizedStatus: 'unrecognized' });
    const stuck = operationOf(await video.start(clip('a boat [mock status=pending]'), at(0)));
    expect(await video.status(stuck, at(1e12))).toEqual({ state: 'pending' });
    const passing = operationOf(await video.start(clip('a boat [mock status=odd latency=1s]'), at(0)));
    expect(await video.status(passing, at(1000))).toMatchObject({ state: 'succeeded' });
  });

  it('cancels what still runs', async () => {
    const { video } = create();
    const operation = operationOf(await video.start(clip('a boat [mock latency=5s charged=yes cancel=cancelled]'), at(0)));
    expect(await video.cancel(operation, at(1000))).toBe('cancelled');
    expect(await video.status(operation, at(9000))).toEqual({ state: 'cancelled', charged: 'yes' });
    const finished = operationOf(await video.start(clip('a boat'), at(0)));
    expect(await video.cancel(finished, at(0))).toBe('too_late');
    expect(await video.status(finished, at(0))).toMatchObject({ state: 'succeeded' });
    for (const answer of ['too_late', 'unsupported']) {
      const kept = operationOf(await video.start(clip(`a boat [mock latency=5s cancel=${answer}]`), at(0)));
      expect(await video.cancel(kept, at(0))).toBe(answer);
      expect(await video.status(kept, at(0))).toEqual({ state: 'pending' });
    }
  });

  it('can answer at once', async () => {
    const result = doneOf(await create().video.start(clip('a boat [mock sync]', { params: { duration_seconds: 1 } }), createTestCall()));
    expect(sniffContentType(bytesOf(result.outputs[0]))).toBe('video/mp4');
  });

  it('refuses what is not its operation', async () => {
    const picture = operationOf(await create().image.start(paint('a boat [mock async]'), at(0)));
    for (const operation of [null, 'x', {}, picture]) {
      await expect(create().video.status(operation, at(0))).rejects.toMatchObject({ name: 'ProviderError', code: 'invalid_request' });
    }
  });
});

describe('failures', () => {
  it.each(PROVIDER_ERROR_CODES)('fails with %s at the start, while running and when asked', async (code) => {
    const details = 'charged=unknown retry_after=1 vendor_status=418 vendor_code=teapot param=size message="so it is"';
    const wanted = { name: 'ProviderError', code, charged: 'unknown', vendorCode: 'teapot', param: 'size', message: 'so it is' };
    const { image, video } = create();
    await expect(image.start(paint(`[mock fail=${code} ${details}]`), createTestCall())).rejects.toMatchObject({
      ...wanted,
      retryAfterMs: 1000,
      vendorStatus: 418,
    });
    const failing = operationOf(await video.start(clip(`[mock at=run fail=${code} ${details}]`), at(0)));
    const { name: _, ...error } = wanted;
    expect(await video.status(failing, at(0))).toEqual({ state: 'failed', error });
    const mute = operationOf(await video.start(clip(`[mock at=poll fail=${code} ${details}]`), at(0)));
    await expect(video.status(mute, at(0))).rejects.toMatchObject(wanted);
  });

  it('fails a number of times, then works', async () => {
    const { image, video } = create();
    const request = paint('a boat [mock fail=rate_limited times=1]');
    await expect(image.start(request, createTestCall())).rejects.toMatchObject({ code: 'rate_limited' });
    expect(await image.start(request, createTestCall())).toMatchObject({ state: 'done' });
    const operation = operationOf(await video.start(clip('a boat [mock fail=unavailable at=poll times=1]'), at(0)));
    await expect(video.status(operation, at(0))).rejects.toMatchObject({ code: 'unavailable' });
    expect(await video.status(operation, at(0))).toMatchObject({ state: 'succeeded' });
  });

  it('decides once whether a job fails', async () => {
    const { video } = create();
    const request = clip('a boat [mock fail=internal at=run times=1]');
    const failing = operationOf(await video.start(request, at(0)));
    const working = operationOf(await video.start(request, at(0)));
    for (let time = 0; time < 2; time++) {
      expect(await video.status(failing, at(0))).toMatchObject({ state: 'failed' });
      expect(await video.status(working, at(0))).toMatchObject({ state: 'succeeded' });
    }
  });

  it('drops the connection after it accepted the work', async () => {
    const { image, video } = create();
    await expect(image.start(paint('[mock drop]'), createTestCall())).rejects.toMatchObject({ code: 'unavailable', charged: 'unknown' });
    await expect(video.start(clip('[mock drop]'), createTestCall())).rejects.toMatchObject({ code: 'unavailable', charged: 'unknown' });
  });

  it('hangs until the call is given up', async () => {
    const { image, video } = create();
    for (const prompt of ['[mock hang]', '[mock latency=3600s]']) {
      const call = createTestCall();
      const hanging = expect(image.start(paint(prompt), call)).rejects.toMatchObject({ code: 'timeout', charged: 'unknown' });
      setTimeout(() => call.abort(), 5);
      await hanging;
    }
    const call = createTestCall();
    const operation = operationOf(await video.start(clip('[mock hang at=poll]'), call));
    call.abort();
    await expect(video.status(operation, call)).rejects.toMatchObject({ code: 'timeout' });
  });

  it('takes on nothing for a call that was given up before', async () => {
    const call = createTestCall({ signal: AbortSignal.abort() });
    await expect(create().image.start(paint('a boat'), call)).rejects.toMatchObject({ code: 'timeout', charged: 'no' });
  });
});
