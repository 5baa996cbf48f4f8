import { beforeAll, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../../../migrations/index.js';
import { databases } from '../../../../test/support/databases.js';
import { assetRow, attemptRow, generationRow, SEED_TIME_MS, seed } from '../../../../test/support/generations.js';
import { ApiKeyEntity, DEFAULT_TENANT, wholeOf } from '../../../domain/access/index.js';
import { AssetEntity, AssetsRepository } from '../../../domain/storage/index.js';
import { configSchema } from '../../../platform/config/index.js';
import { Database, openDataSources } from '../../../platform/database/index.js';
import { AttemptEntity } from '../model/attempt.entity.js';
import { GenerationEntity } from '../model/generation.entity.js';
import { GenerationStatsQueries } from './generation-stats.queries.js';
import { GenerationsQueries } from './generations.queries.js';

const MINUTE_MS = 60_000;
const NOBODY = { orgId: 'org-0', appId: 'app-0' };

describe.each(databases())('reading generations on $name', ({ url }) => {
  let database: Database;
  let queries: GenerationsQueries;
  let stats: GenerationStatsQueries;

  beforeAll(async () => {
    const entities = [GenerationEntity, AttemptEntity, AssetEntity, ApiKeyEntity];
    database = new Database(await openDataSources(configSchema.parse({ database_url: url }), entities, MIGRATIONS));
    await database.migrate();
    queries = new GenerationsQueries(database, new AssetsRepository(database));
    stats = new GenerationStatsQueries(database);
    return () => database.close();
  });

  /** A tenant of the test's own. */
  function tenant(name: string) {
    return { orgId: `org-${name}`, appId: `app-${name}` };
  }

  it('pages newest first, and equal times by id', async () => {
    const own = tenant('pages');
    const generations = Array.from({ length: 7 }, (_unused, index) =>
      generationRow({ ...own, id: `litegen-img-page-${index}`, createdAt: SEED_TIME_MS + Math.floor(index / 2) }),
    );
    await seed(database, { generations });
    const first = await queries.page(wholeOf(own), {}, { page: 1, perPage: 5 });
    const second = await queries.page(wholeOf(own), {}, { page: 2, perPage: 5 });
    const third = await queries.page(wholeOf(own), {}, { page: 3, perPage: 5 });
    const numbers = [...first.rows, ...second.rows].map(({ id }) => Number(id.split('-').at(-1)));
    expect(numbers).toEqual([6, 5, 4, 3, 2, 1, 0]);
    expect([first.total, second.total, third.total]).toEqual([7, 7, 7]);
    expect(third.rows).toEqual([]);
  });

  it('filters by every column', async () => {
    const own = tenant('filters');
    const image = generationRow({ ...own, model: 'mock/paint', createdAt: SEED_TIME_MS });
    const running = generationRow({ ...own, model: 'fal/flux', provider: 'fal', status: 'running', createdAt: SEED_TIME_MS + 10 });
    const queued = generationRow({
      ...own,
      model: 'mock/clip',
      status: 'queued',
      mediaType: 'video',
      operation: 'video.generate',
      createdAt: SEED_TIME_MS + 20,
    });
    await seed(database, { generations: [image, running, queued] });
    const found = async (filter: Parameters<GenerationsQueries['page']>[1]) =>
      (await queries.page(wholeOf(own), filter, { page: 1, perPage: 10 })).rows.map(({ id }) => id);
    expect(await found({ status: 'processing' })).toEqual([running.id]);
    expect(await found({ status: 'pending' })).toEqual([queued.id]);
    expect(await found({ status: 'failed' })).toEqual([]);
    expect(await found({ model: 'mock/paint' })).toEqual([image.id]);
    expect(await found({ provider: 'fal' })).toEqual([running.id]);
    expect(await found({ mediaType: 'video' })).toEqual([queued.id]);
    expect(await found({ operation: 'image.generate' })).toEqual([running.id, image.id]);
    expect(await found({ fromMs: SEED_TIME_MS + 10 })).toEqual([queued.id, running.id]);
    expect(await found({ toMs: SEED_TIME_MS + 10 })).toEqual([running.id, image.id]);
  });

  it('shows nothing of another tenant, nor what was removed', async () => {
    const own = tenant('walls');
    const mine = generationRow(own);
    const removed = generationRow({ ...own, deletedAt: SEED_TIME_MS });
    await seed(database, {
      generations: [mine, removed, generationRow({ ...own, appId: 'app-other' }), generationRow({ ...own, orgId: 'org-other' })],
    });
    expect((await queries.page(wholeOf(own), {}, { page: 1, perPage: 10 })).rows.map(({ id }) => id)).toEqual([mine.id]);
    expect(await queries.find(wholeOf(own), mine.id)).not.toBeNull();
    expect(await queries.find(wholeOf(own), removed.id)).toBeNull();
    for (const foreign of [{ ...own, appId: 'app-other' }, { ...own, orgId: 'org-other' }, DEFAULT_TENANT]) {
      expect(await queries.find(wholeOf(foreign), mine.id)).toBeNull();
    }
  });

  it('brings files and attempts in their order', async () => {
    const own = tenant('details');
    const generation = generationRow(own);
    const other = generationRow(own);
    await seed(database, {
      generations: [generation, other],
      attempts: [attemptRow(generation, { ordinal: 2 }), attemptRow(generation, { ordinal: 1, state: 'rejected' }), attemptRow(other)],
      assets: [
        assetRow(generation, { position: 1 }),
        assetRow(generation, { position: 0 }),
        assetRow(generation, { direction: 'input', role: 'mask' }),
        assetRow(generation, { direction: 'partial' }),
      ],
    });
    const view = await queries.find(wholeOf(own), generation.id);
    expect(view?.attempts.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    expect(view?.outputs.map(({ position }) => position)).toEqual([0, 1]);
    expect(view?.inputs.map(({ role }) => role)).toEqual(['mask']);
  });

  it('streams exactly the limit, over batches, without a gap', async () => {
    const own = tenant('stream');
    const generations = Array.from({ length: 1203 }, (_unused, index) =>
      generationRow({ ...own, createdAt: SEED_TIME_MS + Math.floor(index / 3) }),
    );
    await seed(database, { generations });
    const collect = async (limit: number) => {
      const ids: string[] = [];
      for await (const batch of queries.stream(wholeOf(own), {}, limit)) ids.push(...batch.map(({ id }) => id));
      return ids;
    };
    const all = await collect(10_000);
    expect(new Set(all).size).toBe(1203);
    expect(await collect(777)).toEqual(all.slice(0, 777));
    expect(await collect(500)).toHaveLength(500);
  });

  it('adds up money, ends and latency of one tenant', async () => {
    const own = tenant('stats');
    const noise = generationRow({ ...own, appId: 'app-noise', costMicros: 999_999 });
    await seed(database, {
      generations: [
        generationRow({ ...own, completedAt: SEED_TIME_MS + 1000, costMicros: 40_000 }),
        generationRow({ ...own, completedAt: SEED_TIME_MS + 2000, costMicros: 2_500_000_000_000 }),
        generationRow({
          ...own,
          model: 'fal/flux',
          provider: 'fal',
          status: 'failed',
          costMicros: null,
          completedAt: SEED_TIME_MS + 60_000,
        }),
        generationRow({ ...own, status: 'running' }),
        generationRow({ ...own, deletedAt: SEED_TIME_MS + 9000, completedAt: SEED_TIME_MS + 3000, costMicros: 10_000 }),
        noise,
      ],
    });
    expect(await stats.totals(own)).toEqual({
      requests: 5,
      completed: 3,
      cached: 0,
      failed: 1,
      costMicros: 2_500_000_050_000,
      averageLatencyMs: 2000,
    });
    expect(await stats.totalsBy(own, 'model', 20)).toEqual([
      { name: 'mock/paint', requests: 4, completed: 3, cached: 0, failed: 0, costMicros: 2_500_000_050_000, averageLatencyMs: 2000 },
      { name: 'fal/flux', requests: 1, completed: 0, cached: 0, failed: 1, costMicros: 0, averageLatencyMs: null },
    ]);
    expect((await stats.totalsBy(own, 'provider', 1)).map(({ name }) => name)).toEqual(['mock']);
    expect(await stats.totals(NOBODY)).toEqual({ requests: 0, completed: 0, cached: 0, failed: 0, costMicros: 0, averageLatencyMs: null });
  });

  it('takes nearest-rank percentiles of what ended in the window', async () => {
    const own = tenant('percentiles');
    const now = SEED_TIME_MS + 120 * MINUTE_MS;
    const ended = (latencyMs: number, endedAgoMs: number) =>
      generationRow({ ...own, createdAt: now - endedAgoMs - latencyMs, completedAt: now - endedAgoMs });
    const generations = Array.from({ length: 200 }, (_unused, index) => ended((index + 1) * 10, 1000));
    await seed(database, { generations: [...generations, ended(900_000, 61 * MINUTE_MS), ended(1_000_000, 59 * MINUTE_MS)] });
    // 201 samples: ranks 101, 191 and 199.
    expect(await stats.latencyPercentiles(own, now - 60 * MINUTE_MS)).toEqual({ p50: 1010, p95: 1910, p99: 1990, samples: 201 });
    expect(await stats.latencyPercentiles(NOBODY, now)).toEqual({ p50: null, p95: null, p99: null, samples: 0 });
    expect(await stats.admittedSince(own, now - MINUTE_MS)).toBe(200);
  });

  it('knows how the last attempt at each provider ended', async () => {
    const own = tenant('outcomes');
    const generation = generationRow(own);
    const old = generationRow({ ...own, createdAt: SEED_TIME_MS - 60 * MINUTE_MS });
    await seed(database, {
      generations: [generation, old],
      attempts: [
        attemptRow(generation, { ordinal: 1, errorCode: 'provider_unavailable', errorMessage: 'down', finishedAt: SEED_TIME_MS + 50 }),
        attemptRow(generation, { ordinal: 2, acceptedAt: SEED_TIME_MS + 70, finishedAt: SEED_TIME_MS + 900 }),
        attemptRow(generation, {
          ordinal: 3,
          provider: 'fal',
          errorCode: 'provider_timeout',
          errorMessage: 'slow',
          finishedAt: SEED_TIME_MS + 30,
        }),
        attemptRow(old, { provider: 'openai' }),
        attemptRow(generation, { ordinal: 4, provider: 'openai', state: 'accepted', finishedAt: null }),
      ],
    });
    const outcomes = await queries.lastOutcomes(own, SEED_TIME_MS - MINUTE_MS);
    expect(outcomes.sort((left, right) => left.provider.localeCompare(right.provider))).toEqual([
      { provider: 'fal', errorCode: 'provider_timeout', errorMessage: 'slow', latencyMs: 30, finishedAt: SEED_TIME_MS + 30 },
      { provider: 'mock', errorCode: null, errorMessage: null, latencyMs: 70, finishedAt: SEED_TIME_MS + 900 },
    ]);
    expect(await queries.lastOutcomes(NOBODY, 0)).toEqual([]);
  });
});
