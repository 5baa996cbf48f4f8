import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@litegen/plugin-sdk';
import { createTestCall, createTestSetup, testImageRequest, testVideoRequest } from '@litegen/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import plugin from '../src/index.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mock-vendor-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A plugin as another process would make it. */
function replica() {
  const { image, video, check } = plugin.create(createTestSetup('mock', { state_directory: directory }));
  return { image: image ?? expect.fail(), video: video ?? expect.fail(), check: check ?? expect.fail() };
}

async function submits(): Promise<JsonObject[]> {
  const lines = (await readFile(join(directory, 'submits.log'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as JsonObject);
}

const clip = testVideoRequest({ prompt: 'a boat [mock latency=10s]' });

describe('options.state_directory', () => {
  it('answers a repeated submit with the same job, and logs both', async () => {
    const first = await replica().video.start(clip, createTestCall({ idempotencyKey: 'one', now: () => new Date(1000) }));
    const again = await replica().video.start(clip, createTestCall({ idempotencyKey: 'one', now: () => new Date(9000) }));
    expect(again).toEqual(first);
    expect((await readdir(directory)).filter((name) => name.endsWith('.json'))).toHaveLength(1);
    expect(await submits()).toEqual([
      { key: 'one', at: '1970-01-01T00:00:01.000Z', deduplicated: false, accepted: true },
      { key: 'one', at: '1970-01-01T00:00:09.000Z', deduplicated: true, accepted: true },
    ]);
  });

  it('accepts one of many submits at once', async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, () => replica().video.start(clip, createTestCall({ idempotencyKey: 'same' }))),
    );
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    expect((await submits()).filter(({ deduplicated }) => deduplicated === false)).toHaveLength(1);
    expect((await readdir(directory)).filter((name) => !/\.json$|^submits\.log$/.test(name))).toEqual([]);
  });

  it('keeps jobs of different keys apart', async () => {
    await replica().video.start(clip, createTestCall({ idempotencyKey: 'one' }));
    await replica().video.start(clip, createTestCall({ idempotencyKey: 'two' }));
    expect((await submits()).map(({ key, deduplicated }) => [key, deduplicated])).toEqual([
      ['one', false],
      ['two', false],
    ]);
  });

  it('refuses a key that was used for another request', async () => {
    await replica().video.start(clip, createTestCall());
    const other = replica().video.start({ ...clip, prompt: 'another boat' }, createTestCall());
    await expect(other).rejects.toMatchObject({ code: 'invalid_request', vendorStatus: 409 });
  });

  it('counts failures across processes, and logs refused submits as such', async () => {
    const request = testImageRequest({ prompt: 'a boat [mock fail=unavailable times=2]' });
    for (const key of ['one', 'two']) {
      await expect(replica().image.start(request, createTestCall({ idempotencyKey: key }))).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(await replica().image.start(request, createTestCall({ idempotencyKey: 'three' }))).toMatchObject({ state: 'done' });
    expect((await submits()).map(({ key, accepted }) => [key, accepted])).toEqual([
      ['one', false],
      ['two', false],
      ['three', true],
    ]);
  });

  it('remembers across processes that a job was cancelled', async () => {
    const started = await replica().video.start(clip, createTestCall());
    const operation = started.state === 'started' ? started.operation : expect.fail();
    expect(await replica().video.cancel?.(operation, createTestCall())).toBe('cancelled');
    expect(await replica().video.status?.(operation, createTestCall())).toEqual({ state: 'cancelled', charged: 'no' });
  });

  it('tells of a directory that cannot be used', async () => {
    const file = join(directory, 'a-file');
    await writeFile(file, '');
    const { check, video } = plugin.create(createTestSetup('mock', { state_directory: join(file, 'inside') }));
    await expect(check?.(createTestCall())).rejects.toMatchObject({ name: 'ProviderError', code: 'internal' });
    await expect(video?.start(clip, createTestCall())).rejects.toMatchObject({ name: 'ProviderError', charged: 'no' });
    await expect(replica().check(createTestCall())).resolves.toBeUndefined();
  });
});

describe('options', () => {
  it.each<JsonObject>([
    { latency_ms: -1 },
    { latency_ms: '5' },
    { latency_ms: 1.5 },
    { state_directory: 'relative' },
    { state_directory: 5 },
    { colour: 'red' },
  ])('refuses %j', (options) => {
    expect(() => plugin.create(createTestSetup('mock', options))).toThrow(/^options\./);
  });
});
