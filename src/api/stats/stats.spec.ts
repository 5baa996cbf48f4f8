import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import { assetRow, generationRow, SEED_TIME_MS, seed } from '../../../test/support/generations.js';
import { Database } from '../../platform/database/index.js';
import type { LogListResponse, RequestArtifact } from './dto/log.dto.js';
import type { ProxyStats } from './dto/stats.dto.js';

const CSV_HEAD = 'id,model,provider,status,media_type,cost_usd,latency_ms,created_at,error\r\n';

describe.each(databases())('stats and logs on $name', ({ url }) => {
  let app: NestFastifyApplication;
  const now = Date.now();
  const done = generationRow({ createdAt: now - 30_000, completedAt: now - 28_000, metadata: { order: 7 } });
  const failed = generationRow({
    createdAt: now - 20_000,
    completedAt: now - 19_000,
    status: 'failed',
    model: 'fal/flux-dev',
    provider: 'fal',
    costMicros: 0,
    errorCode: 'provider_unavailable',
    errorMessage: '=cmd|"/c calc"!A1',
  });
  const running = generationRow({
    createdAt: now - 5000,
    status: 'running',
    mediaType: 'video',
    operation: 'video.generate',
    model: 'mock/clip',
  });
  const old = generationRow({ createdAt: SEED_TIME_MS - 400 * 86_400_000 });

  beforeAll(async () => {
    ({ app } = await testApplication(url));
    await seed(app.get(Database), {
      generations: [done, failed, running, old],
      assets: [
        assetRow(done, { position: 0 }),
        assetRow(done, { direction: 'input', position: 0, role: 'init', sourceUrl: 'https://example.test/fox.png' }),
        assetRow(done, { direction: 'input', position: 1, role: 'mask' }),
      ],
    });
  });

  const get = (path: string) => app.inject({ url: path });
  const ids = async (query: string) => (await get(`/v1/logs${query}`)).json<LogListResponse>().data.map(({ id }) => id);

  it('adds up', async () => {
    expect((await get('/v1/stats')).json<ProxyStats>()).toEqual({
      total_requests: 4,
      successful_requests: 2,
      failed_requests: 1,
      cached_requests: 0,
      total_cost_usd: 0.08,
      avg_latency_ms: 1500,
      requests_per_minute: expect.any(Number),
      models_used: [
        { model: 'mock/paint', requests: 2, cost_usd: 0.08, avg_latency_ms: 1500 },
        { model: 'fal/flux-dev', requests: 1, cost_usd: 0, avg_latency_ms: 0 },
        { model: 'mock/clip', requests: 1, cost_usd: 0, avg_latency_ms: 0 },
      ],
      providers_used: [
        { provider: 'mock', requests: 3, failures: 0, cost_usd: 0.08, avg_latency_ms: 1500 },
        { provider: 'fal', requests: 1, failures: 1, cost_usd: 0, avg_latency_ms: 0 },
      ],
      latency_percentiles: { p50_ms: 2000, p95_ms: 2000, p99_ms: 2000, sample_count: 1, window_minutes: 60 },
    });
  });

  it('pages logs in LiteGen’s shape', async () => {
    const page = (await get('/v1/logs?page=1&per_page=2')).json<LogListResponse>();
    expect(page).toMatchObject({ total: 4, page: 1, per_page: 2, total_pages: 2 });
    expect(page.data.map(({ id }) => id)).toEqual([running.id, failed.id]);
    expect(page.data[1]).toEqual({
      id: failed.id,
      model: 'fal/flux-dev',
      provider: 'fal',
      status: 'failed',
      media_type: 'image',
      cost_usd: 0,
      latency_ms: 1000,
      created_at: new Date(failed.createdAt).toISOString(),
      error: failed.errorMessage,
    });
    expect(page.data[0]).toMatchObject({ status: 'processing', cost_usd: 0 });
    expect(page.data[0]?.latency_ms).toBeGreaterThanOrEqual(5000);
    expect((await get('/v1/logs?page=2&per_page=2')).json<LogListResponse>().data[0]).toMatchObject({
      id: done.id,
      metadata: { order: 7 },
    });
  });

  it.each([
    ['?per_page=0', { per_page: 1, total_pages: 4 }],
    ['?per_page=100000', { per_page: 1000 }],
    ['?page=0', { page: 1 }],
    ['?page=-3&per_page=-1', { page: 1, per_page: 1 }],
    ['', { page: 1, per_page: 50 }],
  ])('brings the page of %j inside the bounds', async (query, expected) => {
    expect((await get(`/v1/logs${query}`)).json()).toMatchObject(expected);
  });

  it.each([
    ['?per_page=many', 'per_page'],
    ['?page=1.5', 'page'],
    ['?status=pend', 'status'],
    ['?from=yesterday', 'from'],
    ['?to=2026-02-31', 'to'],
    ['?format=xml', 'format'],
    ['?unknown=1', 'unknown'],
  ])('refuses %s', async (query, param) => {
    const answer = await get(`/v1/logs${query}`);
    expect([answer.statusCode, answer.json<{ error: { param: string } }>().error.param]).toEqual([400, param]);
  });

  it('filters', async () => {
    expect(await ids('?status=failed')).toEqual([failed.id]);
    expect(await ids('?status=processing')).toEqual([running.id]);
    expect(await ids('?model=mock/paint')).toEqual([done.id, old.id]);
    expect(await ids('?provider=fal')).toEqual([failed.id]);
    expect(await ids(`?from=${new Date(failed.createdAt).toISOString()}`)).toEqual([running.id, failed.id]);
    expect(await ids(`?to=${new Date(done.createdAt).toISOString()}`)).toEqual([done.id, old.id]);
    const day = new Date(old.createdAt).toISOString().slice(0, 10);
    expect(await ids(`?from=${day}&to=${day}`)).toEqual([old.id]);
    expect(await ids(`?from=${day}T00:00:00&to=${day}T23:59:59`)).toEqual([old.id]);
  });

  it('answers a CSV file that no spreadsheet runs', async () => {
    const answer = await get('/v1/logs?format=csv&status=failed&per_page=1');
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="logs-\d{8}\.csv"$/);
    expect(answer.body).toBe(
      `${CSV_HEAD}${failed.id},fal/flux-dev,fal,failed,image,0,1000,${new Date(failed.createdAt).toISOString()},"'=cmd|""/c calc""!A1"\r\n`,
    );
    expect((await get('/v1/logs?format=csv')).body.trimEnd().split('\r\n')).toHaveLength(5);
  });

  it('stops a CSV file after 10,000 rows', async () => {
    await seed(app.get(Database), {
      generations: Array.from({ length: 10_050 }, (_unused, index) =>
        generationRow({ model: 'mock/many', createdAt: SEED_TIME_MS - index }),
      ),
    });
    const lines = (await get('/v1/logs?format=csv&model=mock/many')).body.trimEnd().split('\r\n');
    expect(lines).toHaveLength(10_001);
    expect(new Set(lines).size).toBe(10_001);
  });

  it('shows what went in and what came out', async () => {
    const artifact = (await get(`/v1/logs/${done.id}/artifact`)).json<RequestArtifact>();
    expect(artifact).toEqual({
      request_id: done.id,
      media_type: 'image',
      prompt: 'a fox',
      negative_prompt: null,
      params_json: { n: 1, quality: 'low' },
      refs_meta_json: [
        { role: 'init', kind: 'url', source_summary: 'https://example.test/fox.png' },
        { role: 'mask', kind: 'upload', source_summary: 'image/png, 1234 bytes, 64x64' },
      ],
      output_kind: 'url',
      output_value: expect.stringMatching(/^http:\/\/localhost(:\d+)?\/v1\/files\/asset-.*signature=/),
      output_mime: 'image/png',
      output_truncated: false,
      error_message: null,
      created_at: new Date(done.createdAt).toISOString(),
      org_id: done.orgId,
      app_id: done.appId,
    });
    expect((await get(`/v1/logs/${failed.id}/artifact`)).json()).toMatchObject({
      output_kind: 'error',
      output_value: failed.errorMessage,
      error_message: failed.errorMessage,
    });
    expect((await get(`/v1/logs/${running.id}/artifact`)).json()).toMatchObject({
      output_kind: 'url',
      output_value: null,
      output_mime: null,
      error_message: null,
    });
    const cancelled = generationRow({
      status: 'cancelled',
      request: { ...done.request, params: { size: { width: 1024, height: 512 } } },
    });
    await seed(app.get(Database), { generations: [cancelled] });
    const words = 'The generation was cancelled.';
    expect((await get(`/v1/logs/${cancelled.id}/artifact`)).json()).toMatchObject({
      params_json: { n: 1, size: '1024x512' },
      output_kind: 'error',
      output_value: words,
      error_message: words,
    });
    const gone = 'Its files are no longer kept.';
    expect((await get(`/v1/logs/${old.id}/artifact`)).json()).toMatchObject({ output_kind: 'error', error_message: gone });
  });
});
