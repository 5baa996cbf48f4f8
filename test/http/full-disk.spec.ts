import { hash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../../src/domain/storage/index.js';
import { Database, rows } from '../../src/platform/database/index.js';
import { type TestApplication, testApplication } from '../support/application.js';
import { until } from '../support/client.js';
import { postgresDatabase } from '../support/databases.js';
import { canMount, SmallDisk } from '../support/small-disk.js';

const WORK_MS = 500;
const MEGABYTES = 24;

describe.skipIf(!canMount())('a disk that becomes full (needs the right to mount)', () => {
  const onPostgres = postgresDatabase();

  describe.each(['sqlite', 'postgres'])('under files, with %s', (name) => {
    const disk = canMount() ? new SmallDisk(MEGABYTES) : undefined;
    const path = disk?.path ?? '';
    let gateway: TestApplication;
    let vendor: CompatibleSimulator;
    beforeAll(async () => {
      vendor = await startCompatibleSimulator({ flavour: 'vllm-omni' });
      gateway = await testApplication(name === 'sqlite' ? `sqlite://${join(path, 'litegen.db')}` : onPostgres.url, {
        storage: { path: join(path, 'blobs') },
        engine: { tick_ms: 50 },
        idempotency: { duplicate_guard_seconds: 0 },
        providers: { 'openai-compatible': { api_base: vendor.apiBase, options: { dialect: 'vllm-omni' } } },
      });
    });
    afterEach(async () => {
      vendor.reset();
      disk?.free();
      await until(async () => (await readiness()).statusCode === 200);
    });
    afterAll(async () => {
      await gateway.close();
      await vendor.close();
      disk?.remove();
    });

    const post = (size = '64x64', more = {}) =>
      gateway.app.inject({
        method: 'POST',
        url: '/v1/images/generations',
        payload: { model: 'openai-compatible/image', prompt: 'a boat', response_format: 'b64_json', size, ...more },
      });
    const readiness = () => gateway.app.inject({ url: '/health/ready' });
    const states = () =>
      rows<{ status: string; hold: string; outputs: number }>(
        gateway.app.get(Database).manager,
        `SELECT g.status, g.hold_state AS hold, (SELECT COUNT(*) FROM assets a WHERE a.generation_id = g.id AND a.direction = 'output') AS outputs
         FROM generations g ORDER BY g.created_at`,
      );

    it('refuses what would be sent to a vendor, and says why it is not ready', async () => {
      expect((await post()).statusCode).toBe(200);
      disk?.fill();
      await until(async () => (await readiness()).statusCode === 503);
      for (let tries = 0; tries < 3; tries += 1) {
        const refused = await post();
        expect([refused.statusCode, refused.json()]).toMatchObject([503, { error: { code: 'storage_unavailable' } }]);
        expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
        expect(refused.headers['x-should-retry']).toBe('true');
      }
      const ready = await readiness();
      expect([ready.statusCode, ready.json()]).toMatchObject([
        503,
        {
          status: 'not_ready',
          checks: { storage: false },
          reasons: expect.arrayContaining([expect.stringContaining('file store cannot be written to')]),
        },
      ]);
      expect((await gateway.app.inject({ url: '/health/live' })).statusCode).toBe(200);
      expect(vendor.requests).toHaveLength(1);
      expect(gateway.lines.join()).toContain('no vendor is called until it recovers');
      disk?.free();
      await until(async () => (await readiness()).statusCode === 200);
      expect((await post()).statusCode).toBe(200);
    });

    it.each(['64x64', '1024x1024'])('keeps a picture of %s that the vendor delivers meanwhile', async (size) => {
      const before = (await states()).length;
      vendor.inject({ kind: 'latency', ms: WORK_MS });
      const answer = post(size);
      await until(() => vendor.requests.length > 0);
      disk?.fill();
      await until(() => vendor.imagesMade() > 0);
      await until(async () => (await readiness()).statusCode === 503);
      await new Promise((resolve) => setTimeout(resolve, 2 * WORK_MS));
      disk?.free();
      expect((await answer).statusCode).toBe(200);
      expect((await states()).slice(before)).toEqual([{ status: 'completed', hold: 'settled', outputs: 1 }]);
      expect(vendor.requests).toHaveLength(1);
    });

    it.each([1_000, 3_000_000])('keeps %s bytes whole that come while it is full', async (bytes) => {
      const store = gateway.app.get(BlobStore);
      const content = randomBytes(bytes);
      const gone = new AbortController();
      const [kept, lost] = await Promise.all([store.createWriter(bytes, gone.signal), store.createWriter(bytes, gone.signal)]);
      await kept.write(content.subarray(0, bytes / 2));
      disk?.fill();
      for (let at = bytes / 2; at < bytes; at += 65_536) await kept.write(content.subarray(at, at + 65_536));
      const finished = kept.finish();
      await until(async () => (await readiness()).statusCode === 503);
      await lost.abort();
      disk?.free();
      expect(await finished).toMatchObject({ bytes, sha256: hash('sha256', content) });
      expect((await store.readAll((await finished).sha256)).equals(content)).toBe(true);
      expect(readdirSync(join(path, 'blobs/tmp'))).toEqual([]);
    });

    it('refuses what callers send at once, and still gives what is stored', async () => {
      const { data } = (await post('64x64', { response_format: 'url' })).json<{ data: [{ url: string }] }>();
      disk?.fill();
      await until(async () => (await readiness()).statusCode === 503);
      const writer = await gateway.app.get(BlobStore).createWriter(10_000_000);
      await expect(writer.write(randomBytes(1_000_000))).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect((await gateway.app.inject({ url: new URL(data[0].url).pathname + new URL(data[0].url).search })).statusCode).toBe(200);
      expect((await gateway.app.inject({ url: '/v1/generations' })).statusCode).toBe(200);
    });
  });
});
