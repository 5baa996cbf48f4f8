import type { SimulatorFault } from '@litegen/plugin-sdk/testing';
import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Database, rows } from '../../src/platform/database/index.js';
import { type TestApplication, testApplication } from '../support/application.js';
import { until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { type S3Server, startS3Server } from '../support/s3-server.js';

const WORK_MS = 300;
/** Above what is kept in memory while its name is unknown. */
const BIG_BYTES = 400_000;
const PATIENCE = { timeout: 25_000, interval: 50 };

const error = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Not now.</Message></Error>`;
const FAULTS: Readonly<Record<string, SimulatorFault>> = {
  'asks to slow down': { kind: 'status', status: 503, body: error('SlowDown') },
  'says that its token has expired': { kind: 'status', status: 400, body: error('ExpiredToken') },
  'denies access': { kind: 'status', status: 403, body: error('AccessDenied') },
  'breaks connections': { kind: 'refuse' },
  'answers nothing': { kind: 'latency', ms: 3_600_000 },
};

describe.each(databases())('a bucket that is away for a while, with $name', ({ url }) => {
  let s3: S3Server;
  let vendor: CompatibleSimulator;
  let gateway: TestApplication;

  beforeAll(async () => {
    s3 = await startS3Server();
    vendor = await startCompatibleSimulator({ flavour: 'vllm-omni', imageBytes: BIG_BYTES });
    gateway = await testApplication(url, {
      storage: {
        backend: 's3',
        s3: {
          bucket_name: s3.bucket,
          region: 'eu-central-1',
          endpoint_url: s3.origin,
          access_key_id: 'test-key',
          secret_access_key: 'test-secret',
        },
      },
      engine: { tick_ms: 50 },
      idempotency: { duplicate_guard_seconds: 0 },
      providers: { 'openai-compatible': { api_base: vendor.apiBase, options: { dialect: 'vllm-omni' } } },
    });
  });
  afterEach(async () => {
    s3.reset();
    vendor.reset();
    await until(async () => (await readiness()).statusCode === 200);
  });
  afterAll(async () => {
    await gateway.close();
    await vendor.close();
    await s3.close();
  });

  const breakBucket = (fault: SimulatorFault) => s3.inject(fault, { times: Number.POSITIVE_INFINITY });
  const readiness = () => gateway.app.inject({ url: '/health/ready' });
  const picture = (more = {}) =>
    gateway.app.inject({
      method: 'POST',
      url: '/v1/images/generations',
      payload: { model: 'openai-compatible/image', prompt: 'a boat', response_format: 'b64_json', size: '64x64', ...more },
    });
  const clip = () =>
    gateway.app.inject({ method: 'POST', url: '/v1/videos', payload: { model: 'openai-compatible/video', prompt: 'a boat sails' } });
  const latest = async () => {
    const [row] = await rows<Record<string, unknown>>(
      gateway.app.get(Database).manager,
      `SELECT g.status, g.error_code AS code, g.hold_state AS hold, g.attempt_count AS attempts,
         (SELECT COUNT(*) FROM assets a WHERE a.generation_id = g.id AND a.direction = 'output') AS outputs
       FROM generations g ORDER BY g.created_at DESC LIMIT 1`,
    );
    return { ...row, outputs: Number(row?.['outputs']) };
  };
  const DELIVERED = { status: 'completed', code: null, hold: 'settled', attempts: 1, outputs: 1 };

  describe.each(Object.entries(FAULTS))('and %s', (_what, fault) => {
    it('keeps a picture that the vendor delivers meanwhile', async () => {
      vendor.inject({ kind: 'latency', ms: WORK_MS });
      const answer = picture();
      await until(() => vendor.requests.length > 0);
      breakBucket(fault);
      await until(() => vendor.imagesMade() > 0);
      await expect.poll(async () => (await readiness()).statusCode, PATIENCE).toBe(503);
      s3.reset();
      expect((await answer).statusCode).toBe(200);
      expect(await latest()).toEqual(DELIVERED);
      expect(vendor.requests).toHaveLength(1);
    });

    it('keeps a clip that is finished meanwhile', async () => {
      const accepted = await clip();
      expect(accepted.statusCode).toBe(200);
      breakBucket(fault);
      await expect.poll(async () => (await readiness()).statusCode, PATIENCE).toBe(503);
      expect(['running', 'ingesting']).toContain((await latest())['status' as never]);
      s3.reset();
      await expect.poll(latest, PATIENCE).toEqual(DELIVERED);
      expect(vendor.count('/v1/videos', 'POST')).toBe(1);
    });
  });

  it('refuses what would be sent to a vendor, and says why it is not ready, without names and keys', async () => {
    const { data } = (await picture({ response_format: 'url' })).json<{ data: [{ url: string }] }>();
    vendor.reset();
    breakBucket(FAULTS['says that its token has expired'] as SimulatorFault);
    const link = new URL(data[0].url);
    const unread = await gateway.app.inject({ url: link.pathname + link.search });
    expect([unread.statusCode, unread.json()]).toMatchObject([503, { error: { code: 'storage_unavailable' } }]);
    expect(Number(unread.headers['retry-after'])).toBeGreaterThan(0);
    await expect.poll(async () => (await readiness()).statusCode, PATIENCE).toBe(503);
    const ready = (await readiness()).json<{ checks: object; reasons: string[] }>();
    expect(ready).toMatchObject({ checks: { storage: false }, reasons: [expect.stringMatching(/file store cannot be .*ExpiredToken/)] });
    expect(JSON.stringify(ready)).not.toMatch(/media|127\.0\.0\.1|test-key/);
    for (const request of [picture, clip]) {
      const refused = await request();
      expect([refused.statusCode, refused.json()]).toMatchObject([503, { error: { code: 'storage_unavailable' } }]);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(vendor.requests).toHaveLength(0);
    s3.reset();
    await until(async () => (await readiness()).statusCode === 200);
    expect((await picture()).statusCode).toBe(200);
    expect(gateway.lines.filter((line) => line.includes('The file store can be used again'))).not.toHaveLength(0);
  });
});
