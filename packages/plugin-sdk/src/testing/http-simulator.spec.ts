import { fileTypeFromBuffer } from 'file-type';
import { imageSize } from 'image-size';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpSimulator, jsonReply, startHttpSimulator } from './http-simulator.js';
import { makeMp4, makePng } from './sample-files.js';

describe('the base of simulators', () => {
  let vendor: HttpSimulator;
  afterEach(() => vendor.close());
  const get = (path = '/') => fetch(`${vendor.origin}${path}`);

  it('logs what it received and answers through the handler', async () => {
    vendor = await startHttpSimulator((request) => jsonReply(201, { echo: request.json() }));
    const response = await fetch(`${vendor.origin}/v1/things?a=1`, { method: 'POST', body: '{"x":2}' });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ echo: { x: 2 } });
    expect(vendor.requests[0]).toMatchObject({ method: 'POST', path: '/v1/things', query: { a: '1' }, bodyBytes: 7 });
    expect(vendor.count('/v1/things', 'POST')).toBe(1);
  });

  it('reads multipart bodies', async () => {
    const form = new FormData();
    form.set('prompt', 'a fox');
    form.set('image', new Blob([makePng()], { type: 'image/png' }), 'a.png');
    const seen: unknown[] = [];
    vendor = await startHttpSimulator(async (request) => {
      const received = await request.form();
      const file = received.get('image') as File;
      seen.push(received.get('prompt'), file.name, file.size);
      return jsonReply(200, {});
    });
    await fetch(vendor.origin, { method: 'POST', body: form });
    expect(seen).toEqual(['a fox', 'a.png', makePng().length]);
  });

  it('injects each fault as often as told, where told', async () => {
    let handled = 0;
    vendor = await startHttpSimulator(() => {
      handled += 1;
      return jsonReply(200, { filler: 'x'.repeat(200) });
    });
    vendor.inject({ kind: 'status', status: 503, headers: { 'retry-after': '2' } }, { path: '/a', times: 2 });
    expect((await get('/b')).status).toBe(200);
    expect((await get('/a')).headers.get('retry-after')).toBe('2');
    expect((await get('/a')).status).toBe(503);
    expect((await get('/a')).status).toBe(200);
    expect(handled).toBe(2);

    vendor.inject({ kind: 'refuse' });
    await expect(get()).rejects.toThrow();
    expect(handled).toBe(2);
    vendor.inject({ kind: 'drop' });
    await expect(get()).rejects.toThrow();
    expect(handled).toBe(3);

    vendor.inject({ kind: 'truncate' });
    const cut = await get();
    expect(cut.status).toBe(200);
    await expect(cut.text()).rejects.toThrow();

    vendor.inject({ kind: 'garbage' });
    await expect((await get()).json()).rejects.toThrow(SyntaxError);
    vendor.inject({ kind: 'slow', chunkBytes: 64, pauseMs: 1 });
    expect(await (await get()).json()).toEqual({ filler: 'x'.repeat(200) });
    vendor.inject({ kind: 'huge', bytes: 200_000 });
    const huge = await (await get()).text();
    expect(huge).toHaveLength(200_000);
    expect(JSON.parse(huge)).toHaveProperty('filler');

    vendor.inject({ kind: 'latency', ms: 60_000 });
    const waiting = get();
    const failed = expect(waiting).rejects.toThrow();
    await expect.poll(() => vendor.requests.length).toBe(11);
    await vendor.close();
    await failed;
  });

  it('makes files that are recognised for what they are', async () => {
    vendor = await startHttpSimulator(() => jsonReply(200, {}));
    expect(imageSize(makePng({ width: 640, height: 352 }))).toMatchObject({ width: 640, height: 352, type: 'png' });
    expect(makePng({ bytes: 50_000 })).toHaveLength(50_000);
    expect(() => makePng({ bytes: 10 })).toThrow(RangeError);
    expect((await fileTypeFromBuffer(makeMp4(5000)))?.mime).toBe('video/mp4');
  });
});
