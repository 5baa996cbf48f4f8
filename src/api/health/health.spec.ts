import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { attemptRow, generationRow, seed } from '../../../test/support/generations.js';
import { Database } from '../../platform/database/index.js';
import { HealthService } from './health.service.js';

describe('health', () => {
  let app: NestFastifyApplication;
  let idle: NestFastifyApplication;

  beforeAll(async () => {
    ({ app } = await testApplication('sqlite://:memory:', { master_key: 'a-master-key-for-health' }));
    ({ app: idle } = await testApplication('sqlite://:memory:', { plugins: { disabled: ['mock'] } }));
  });

  const get = (url: string) => app.inject({ url, headers: { authorization: 'Bearer a-master-key-for-health' } });

  it('is alive without a key', async () => {
    const answer = await app.inject({ url: '/health/live' });
    expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'alive' }]);
  });

  it('is ready without a key, with a database and a provider', async () => {
    const answer = await app.inject({ url: '/health/ready' });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { status: 'ready', checks: { db: true, storage: true, providers: ['mock'], plugins_taken_out: [], draining: false }, reasons: [] },
    ]);
  });

  it('is not ready without any provider', async () => {
    const answer = await idle.inject({ url: '/health/ready' });
    expect([answer.statusCode, answer.json()]).toEqual([
      503,
      {
        status: 'not_ready',
        checks: { db: true, storage: true, providers: [], plugins_taken_out: [], draining: false },
        reasons: ['No provider is configured.'],
      },
    ]);
  });

  it('says nothing bad about providers that nobody called', async () => {
    const answer = await get('/health');
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      {
        status: 'healthy',
        providers: [{ provider: 'mock', healthy: true, message: null, latency_ms: null, last_checked: null }],
        cache: { enabled: false, entries: 0 },
      },
    ]);
  });

  it('tells how the last call ended, and does not blame a vendor for a caller’s fault', async () => {
    const now = Date.now();
    const generation = generationRow({ createdAt: now - 2000, completedAt: now });
    const down = attemptRow(generation, { finishedAt: now - 1000, errorCode: 'provider_unavailable', errorMessage: 'The vendor is down.' });
    const refused = attemptRow(generation, { ordinal: 2, finishedAt: now, errorCode: 'moderation_blocked', errorMessage: 'No.' });
    await seed(app.get(Database), { generations: [generation], attempts: [down] });
    const degraded = await get('/health');
    expect([degraded.statusCode, degraded.json()]).toMatchObject([
      503,
      {
        status: 'degraded',
        providers: [
          {
            provider: 'mock',
            healthy: false,
            message: 'The vendor is down.',
            latency_ms: 1000,
            last_checked: new Date(now - 1000).toISOString(),
          },
        ],
      },
    ]);
    await seed(app.get(Database), { generations: [], attempts: [refused] });
    expect((await get('/health')).json()).toMatchObject({ status: 'healthy', providers: [{ healthy: true, message: null }] });
  });

  it('is not ready from the first moment of a shutdown on', async () => {
    app.get(HealthService).onModuleDestroy();
    const answer = await app.inject({ url: '/health/ready' });
    expect([answer.statusCode, answer.json()]).toMatchObject([503, { status: 'not_ready', checks: { db: true, draining: true } }]);
    expect((await app.inject({ url: '/health/live' })).statusCode).toBe(200);
  });

  it('is not ready when the database is gone', async () => {
    await idle.get(Database).close();
    expect((await idle.inject({ url: '/health/ready' })).json()).toMatchObject({ status: 'not_ready', checks: { db: false } });
  });
});
