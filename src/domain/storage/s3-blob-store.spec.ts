import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePng } from '@litegen/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../../../test/support/s3-server.js';
import { S3BlobStore } from './s3-blob-store.js';

const CAP = 10_000_000;

describe('the S3 store', () => {
  let vendor: S3Server;
  let temporary: string;
  let store: S3BlobStore;
  const keyOf = (digest: string) => `litegen/${digest.slice(0, 2)}/${digest}`;
  const open = (settings: Partial<Parameters<typeof S3BlobStore.open>[0]> = {}, prefix = 'litegen') =>
    S3BlobStore.open(
      {
        bucket_name: vendor.bucket,
        region: 'eu-central-1',
        endpoint_url: vendor.origin,
        access_key_id: 'test-key',
        secret_access_key: 'test-secret',
        ...settings,
      },
      prefix,
      temporary,
    );
  const put = async (data: Uint8Array, to = store) => {
    const writer = await to.createWriter(CAP);
    for (let at = 0; at < data.length; at += 50_000) await writer.write(data.subarray(at, at + 50_000));
    return writer.finish();
  };

  beforeEach(async () => {
    vendor = await startS3Server();
    temporary = mkdtempSync(join(tmpdir(), 'litegen-s3-'));
    store = await open();
  });
  afterEach(async () => {
    await vendor.close();
    rmSync(temporary, { recursive: true, force: true });
  });

  it.each([4096, 500_000])('keeps %i bytes under their digest, signed and with their length', async (bytes) => {
    const data = makePng({ width: 32, height: 16, bytes });
    const sha256 = createHash('sha256').update(data).digest('hex');
    expect(await put(data)).toEqual({ sha256, bytes, contentType: 'image/png', width: 32, height: 16 });
    expect(vendor.objects.get(keyOf(sha256))?.equals(data)).toBe(true);
    const request = vendor.requests.find(({ method }) => method === 'PUT');
    expect(request?.headers).toMatchObject({ 'content-length': String(bytes), 'x-amz-content-sha256': sha256 });
    expect(request?.headers['authorization']).toContain('/eu-central-1/s3/aws4_request');
    expect(readdirSync(temporary)).toEqual([]);
    expect((await store.readAll(sha256)).equals(data)).toBe(true);
    const parts: Buffer[] = [];
    for await (const part of await store.read(sha256, { start: 1, end: 3 })) parts.push(part as Buffer);
    expect(Buffer.concat(parts).toString()).toBe('PNG');
  });

  it('does not send a large file twice', async () => {
    const data = randomBytes(300_000);
    await put(data);
    await put(data);
    expect(vendor.count(/./, 'PUT')).toBe(1);
  });

  it('puts objects at the root of the bucket without a prefix', async () => {
    const { sha256 } = await put(Buffer.from('x'), await open({}, '/'));
    expect([...vendor.objects.keys()]).toEqual([`${sha256.slice(0, 2)}/${sha256}`]);
  });

  it('knows what is there, and deletes', async () => {
    const { sha256 } = await put(Buffer.from('x'));
    expect(await store.has(sha256)).toBe(true);
    await store.delete(sha256);
    expect(await store.has(sha256)).toBe(false);
    await store.delete(sha256);
    await expect(store.read(sha256)).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.read('../x')).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each([1000, 300_000])('gets %i bytes through passing failures', async (bytes) => {
    const data = randomBytes(bytes);
    vendor.inject({ kind: 'status', status: 503, body: '<Error><Code>SlowDown</Code></Error>' }, { method: 'PUT' });
    vendor.inject({ kind: 'drop' }, { method: 'PUT' });
    const { sha256 } = await put(data);
    expect(vendor.objects.get(keyOf(sha256))?.equals(data)).toBe(true);
    expect(vendor.count(/./, 'PUT')).toBe(3);
  });

  it('says that the store is unavailable, and leaves no temporary file', async () => {
    vendor.inject({ kind: 'status', status: 503 }, { times: Number.POSITIVE_INFINITY });
    const unavailable = { code: 'storage_unavailable' };
    await expect(put(randomBytes(1000))).rejects.toMatchObject(unavailable);
    await expect(put(randomBytes(300_000))).rejects.toMatchObject(unavailable);
    const some = 'a'.repeat(64);
    await expect(store.has(some)).rejects.toMatchObject(unavailable);
    await expect(store.read(some)).rejects.toMatchObject(unavailable);
    await expect(store.delete(some)).rejects.toMatchObject(unavailable);
    await expect(store.check()).rejects.toMatchObject(unavailable);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('checks that it can write and read, and names what is wrong without the secret', async () => {
    await expect(store.check()).resolves.toBeUndefined();
    await expect((await open({ bucket_name: 'other' })).check()).rejects.toThrow(/bucket other .*NoSuchBucket/);
    await expect((await open({ bucket_name: 'other' })).read('a'.repeat(64))).rejects.toMatchObject({ code: 'storage_unavailable' });
    const wrong = await open({ access_key_id: 'wrong' });
    await expect(wrong.check()).rejects.toThrow(/InvalidAccessKeyId/);
    await expect(wrong.check()).rejects.not.toThrow(/test-secret/);
  });

  it('enforces the cap', async () => {
    const writer = await store.createWriter(10);
    await expect(writer.write(Buffer.alloc(11))).rejects.toMatchObject({ code: 'body_too_large' });
    expect(vendor.requests).toHaveLength(0);
  });
});
