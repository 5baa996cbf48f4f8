import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startS3Server } from '../../../test/support/s3-server.js';
import { ConfigError, configSchema } from '../../platform/config/index.js';
import type { BlobStore } from './blob-store.js';
import { openBlobStore } from './storage.module.js';

describe('the store that the settings name', () => {
  let folder: string;
  const open = (storage: object) => openBlobStore(configSchema.parse({ storage }), Date.now());
  const put = async (store: BlobStore) => {
    const writer = await store.createWriter(100);
    await writer.write(Buffer.from('x'));
    return writer.finish();
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'litegen-store-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is the local disk, with its directories made', async () => {
    const path = join(folder, 'deep', 'blobs');
    const { sha256 } = await put(await open({ path }));
    expect(existsSync(join(path, sha256.slice(0, 2), sha256))).toBe(true);
  });

  it('is a bucket, with its keys under the prefix', async () => {
    const vendor = await startS3Server({ bucket: 'pictures' });
    const s3 = { bucket_name: 'pictures', endpoint_url: vendor.origin, access_key_id: 'test-key', secret_access_key: 'secret' };
    const { sha256 } = await put(await open({ backend: 's3', path: folder, path_prefix: 'a/b', s3 }));
    expect([...vendor.objects.keys()]).toEqual([`a/b/${sha256.slice(0, 2)}/${sha256}`]);
    expect(existsSync(join(folder, sha256.slice(0, 2)))).toBe(false);
    await vendor.close();
  });

  it('is not guessed', async () => {
    await expect(open({ backend: 's3', path: folder })).rejects.toThrow(ConfigError);
  });
});
