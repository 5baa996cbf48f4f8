import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePng } from '@litegen/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from './blob-store.js';
import { LocalBlobStore } from './local-blob-store.js';

const CAP = 10_000_000;
const sha = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

async function put(store: BlobStore, data: Uint8Array, chunkBytes = 10_000) {
  const writer = await store.createWriter(CAP);
  for (let at = 0; at < data.length; at += chunkBytes) {
    // The writer may not rely on the chunk's memory once it has taken it.
    const chunk = Buffer.from(data.subarray(at, at + chunkBytes));
    await writer.write(chunk);
    chunk.fill(0);
  }
  return writer.finish();
}

async function text(store: BlobStore, sha256: string, range?: { start: number; end: number }): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of await store.read(sha256, range)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe('the local store', () => {
  let root: string;
  let store: LocalBlobStore;
  const pathOf = (digest: string) => join(root, digest.slice(0, 2), digest);
  const temporaryFiles = () => readdirSync(join(root, 'tmp'));

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'litegen-blobs-'));
    store = new LocalBlobStore(root);
    await store.prepare(Date.now());
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it.each([0, 1, 4096, 65_536, 65_537, 131_072, 1_000_003])('keeps %i bytes under their digest', async (bytes) => {
    const data = randomBytes(bytes);
    const blob = await put(store, data);
    expect(blob).toMatchObject({ sha256: sha(data), bytes });
    expect(statSync(pathOf(blob.sha256)).size).toBe(bytes);
    expect((await text(store, blob.sha256)).equals(data)).toBe(true);
    expect((await store.readAll(blob.sha256)).equals(data)).toBe(true);
    expect(temporaryFiles()).toEqual([]);
  });

  it.each([1, 7, 65_536, 300_000])('gathers chunks of %i bytes', async (chunkBytes) => {
    const data = randomBytes(chunkBytes === 1 ? 70_000 : 250_000);
    expect((await put(store, data, chunkBytes)).sha256).toBe(sha(data));
    expect((await store.readAll(sha(data))).equals(data)).toBe(true);
  });

  it('reads ranges', async () => {
    const { sha256 } = await put(store, Buffer.from('0123456789'));
    expect(String(await text(store, sha256, { start: 2, end: 4 }))).toBe('234');
    expect(String(await text(store, sha256, { start: 9, end: 9 }))).toBe('9');
  });

  it('says what a picture is, also when it is large', async () => {
    const small = await put(store, makePng({ width: 64, height: 48 }));
    expect(small).toMatchObject({ contentType: 'image/png', width: 64, height: 48 });
    expect(await put(store, makePng({ width: 640, height: 480, bytes: 200_000 }))).toMatchObject({ width: 640, height: 480 });
    expect((await put(store, Buffer.from('hello'))).contentType).toBe('application/octet-stream');
  });

  it('keeps equal content once, and mends a copy that lost its end', async () => {
    for (const data of [randomBytes(2000), randomBytes(200_000)]) {
      const { sha256 } = await put(store, data);
      const first = statSync(pathOf(sha256));
      expect(await put(store, data, 777)).toMatchObject({ sha256 });
      expect(statSync(pathOf(sha256)).ino).toBe(first.ino);
      truncateSync(pathOf(sha256), 10);
      await put(store, data);
      expect((await store.readAll(sha256)).equals(data)).toBe(true);
    }
    expect(temporaryFiles()).toEqual([]);
  });

  it.each([1000, 300_000])('enforces a cap of %i bytes while streaming and leaves nothing behind', async (cap) => {
    const writer = await store.createWriter(cap);
    await writer.write(Buffer.alloc(cap));
    await expect(writer.write(Buffer.alloc(1))).rejects.toMatchObject({ code: 'body_too_large' });
    await expect(writer.finish()).rejects.toThrow();
    await writer.abort();
    expect(readdirSync(root)).toEqual(['tmp']);
    expect(temporaryFiles()).toEqual([]);
  });

  it('forgets an aborted file, before and after its end', async () => {
    const writer = await store.createWriter(CAP);
    await writer.write(randomBytes(200_000));
    expect(temporaryFiles()).toHaveLength(1);
    await writer.abort();
    await writer.abort();
    expect(temporaryFiles()).toEqual([]);
    const kept = await store.createWriter(CAP);
    await kept.write(Buffer.from('kept'));
    const { sha256 } = await kept.finish();
    await kept.abort();
    expect(await store.has(sha256)).toBe(true);
  });

  it('takes the same content from several writers at once', async () => {
    const data = randomBytes(150_000);
    const blobs = await Promise.all(Array.from({ length: 8 }, () => put(store, data)));
    expect(new Set(blobs.map((blob) => blob.sha256))).toEqual(new Set([sha(data)]));
    expect((await store.readAll(sha(data))).equals(data)).toBe(true);
    expect(temporaryFiles()).toEqual([]);
  });

  it('answers for what is not there, and never leaves its directory', async () => {
    const nothing = sha(Buffer.from('nothing'));
    await expect(store.read(nothing)).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.readAll(nothing)).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.read('../../etc/passwd')).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.has(nothing)).toBe(false);
    await store.delete(nothing);
    const { sha256 } = await put(store, Buffer.from('x'));
    await store.delete(sha256);
    expect(await store.has(sha256)).toBe(false);
  });

  it('clears what dead processes left and spares what is being written', async () => {
    for (const name of ['old', 'new']) writeFileSync(join(root, 'tmp', name), 'x');
    const now = Date.now();
    utimesSync(join(root, 'tmp', 'old'), now / 1000 - 7 * 3600, now / 1000 - 7 * 3600);
    await new LocalBlobStore(root).prepare(now);
    expect(temporaryFiles()).toEqual(['new']);
  });

  it('tells an operator when the directory is not usable', async () => {
    await expect(store.check()).resolves.toBeUndefined();
    const file = join(root, 'file');
    writeFileSync(file, '');
    await expect(new LocalBlobStore(file).prepare(0)).rejects.toMatchObject({ code: 'storage_unavailable' });
    const lost = new LocalBlobStore(join(root, 'lost'));
    await expect(lost.check()).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(put(lost, Buffer.from('x'))).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(put(lost, randomBytes(100_000))).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
