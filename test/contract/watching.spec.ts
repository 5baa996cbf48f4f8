import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpSimulator, jsonReply, makeMp4, startHttpSimulator } from '@litegen/plugin-sdk/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SchedulerRegistry } from '@nestjs/schedule';
import { FAL_TEST_KEY, type FalSimulator, startFalSimulator } from 'litegen-provider-fal/simulator';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Worker } from '../../src/engine/generations/execute/worker.service.js';
import { ProviderConcurrency } from '../../src/engine/generations/leases/provider-concurrency.service.js';
import { Clock } from '../../src/platform/common/index.js';
import { Database, rows } from '../../src/platform/database/index.js';
import { testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';
import { attemptRow, generationRow, seed } from '../support/generations.js';

const MASTER = { authorization: 'Bearer a-master-key-for-watching' };
const STATUS = /^\/v1\/videos\/[^/]+$/;
const NEVER = 10_000_000;
const ACCOUNTS = ['steady', 'second', 'hung'] as const;
/** Long before the real time, so that everything that is due here is due now, too. */
const LONG_AGO_MS = 1_000_000_000_000;

const video = (provider: string) => `
  - id: ${provider}/film
    provider: ${provider}
    media_type: video
    display_name: Film
    capabilities: { text_to_video: true }
    prompt: { required: true }
    polling: { initial_seconds: 5, interval_seconds: 5, max_interval_seconds: 5 }`;
const MODELS = `models:${ACCOUNTS.map(video).join('')}
  - id: fal/reporting
    provider: fal
    media_type: image
    display_name: Reporting
    upstream: { endpoint: fal-ai/fast-sdxl, fields: { output_format: format } }
    pricing: { base_cost_usd: 0.04 }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    webhooks: true
    polling: { initial_seconds: 5, interval_seconds: 5, max_interval_seconds: 5 }
`;

describe.each(databases())('watching many jobs on $name', (database) => {
  const models = mkdtempSync(join(tmpdir(), 'litegen-models-'));
  /** How the jobs of the two accounts that answer stand. */
  let state: 'in_progress' | 'completed' = 'in_progress';
  let hangs = true;
  let steady: HttpSimulator;
  let hung: HttpSimulator;
  let fal: FalSimulator;

  beforeAll(async () => {
    writeFileSync(join(models, 'models.yaml'), MODELS);
    const answer = (path: string) =>
      path.endsWith('/content')
        ? { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(4096) }
        : jsonReply(200, { id: path.slice(path.lastIndexOf('/') + 1), status: state });
    steady = await startHttpSimulator(({ path }) => answer(path));
    hung = await startHttpSimulator(({ path }) => (hangs ? new Promise(() => {}) : answer(path)));
    fal = await startFalSimulator({ callBack: false, queuedPolls: 0, runningPolls: 0 });
  });
  beforeEach(() => {
    state = 'in_progress';
    hangs = true;
    for (const vendor of [steady, hung, fal]) vendor.reset();
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await Promise.all([steady?.close(), hung?.close(), fal?.close()]);
    rmSync(models, { recursive: true, force: true });
  });

  /** A replica whose worker looks for due jobs when it is told to. */
  async function replica(engine: object = {}, accounts: Partial<Record<(typeof ACCOUNTS)[number], object>> = {}) {
    const account = (vendor: HttpSimulator, more?: object) => ({
      plugin: 'openai-compatible',
      api_base: `${vendor.origin}/v1`,
      api_key: 'key',
      options: { dialect: 'sglang' },
      ...more,
    });
    const { app, close } = await testApplication(database.url, {
      master_key: MASTER.authorization.slice('Bearer '.length),
      models_directory: models,
      observability: { log_level: 'fatal' },
      server: { public_url: 'http://127.0.0.1:9', drain_delay_seconds: 0, shutdown_grace_seconds: 1 },
      providers: {
        steady: account(steady, accounts.steady),
        second: account(steady, accounts.second),
        hung: account(hung, accounts.hung),
        fal: { ...fal.settings, api_key: FAL_TEST_KEY },
      },
      engine: { poll_timeout_seconds: 300, ...engine },
    });
    app.get(SchedulerRegistry).deleteInterval('generations.worker');
    return { app, close, tick: () => app.get(Worker).tick() };
  }

  /** Accepted jobs, the first of which is due the longest. */
  async function jobs(
    app: NestFastifyApplication,
    provider: string,
    count: number,
    change: { deadlineAt?: number } = {},
  ): Promise<string[]> {
    const generations = Array.from({ length: count }, () =>
      generationRow({
        operation: 'video.generate',
        mediaType: 'video',
        model: `${provider}/film`,
        provider,
        status: 'running',
        attemptCount: 1,
        ...change,
      }),
    );
    const attempts = generations.map((generation, index) =>
      attemptRow(generation, {
        state: 'accepted',
        charged: null,
        nextRunAt: LONG_AGO_MS + index,
        operation: { id: `${provider}-${index}` },
      }),
    );
    await seed(app.get(Database), { generations, attempts });
    return generations.map(({ id }) => id);
  }

  const stateOf = (app: NestFastifyApplication, ids: readonly string[]) =>
    rows<{ id: string; status: string; lease_token: number; lease_owner: string | null; next_run_at: number; error_code: string | null }>(
      app.get(Database).manager,
      `SELECT generations.id, status, lease_token, lease_owner, next_run_at, generations.error_code
       FROM generations JOIN attempts ON attempts.generation_id = generations.id WHERE generations.id IN (:ids)`,
      { ids },
    );
  /** Nobody looks at any of them again, nor hands one back that is just being asked about. */
  const forget = (app: NestFastifyApplication) =>
    app.get(Database).transaction(async (manager) => {
      await rows(manager, "UPDATE attempts SET state = 'failed', next_run_at = NULL, lease_owner = NULL RETURNING id");
      await rows(manager, "UPDATE generations SET status = 'failed' RETURNING id");
    });
  const asked = (vendor: HttpSimulator) => vendor.count(STATUS);

  it('a vendor that hangs holds what its own concurrency allows, and nobody else waits', async () => {
    const { app, close, tick } = await replica({ max_concurrent_polls: 4 });
    const silent = await jobs(app, 'hung', 300);
    const healthy = await jobs(app, 'steady', 10);
    for (let look = 0; look < 3; look += 1) {
      await tick();
      await expect.poll(() => asked(hung)).toBe(4);
    }
    await expect.poll(() => asked(steady)).toBe(10);
    await expect.poll(async () => (await stateOf(app, healthy)).every(({ lease_owner: owner }) => owner === null)).toBe(true);
    const claimed = (await stateOf(app, silent)).filter(({ lease_token: token }) => token > 0);
    expect(claimed.map(({ id }) => id).sort()).toEqual(silent.slice(0, 4).sort());
    await forget(app);
    hung.reset();
    await close();
  });

  it('a vendor that hangs is asked ever less, and as before once it answers', async () => {
    const { app, close, tick } = await replica({ max_concurrent_polls: 8, poll_timeout_seconds: 0.2 });
    const concurrency = app.get(ProviderConcurrency);
    const ids = await jobs(app, 'hung', 60);
    await tick();
    await expect.poll(() => concurrency.isSilent('hung')).toBe(true);
    await expect.poll(() => concurrency.room('hung', 'poll')).toBe(1);
    const before = asked(hung);
    await tick();
    await expect.poll(() => concurrency.room('hung', 'poll')).toBe(1);
    expect(asked(hung) - before).toBeGreaterThanOrEqual(1);
    hangs = false;
    await expect
      .poll(async () => {
        await tick();
        return (await stateOf(app, ids)).filter(({ next_run_at: next }) => next < Date.now() - 3_600_000).length;
      })
      .toBe(0);
    expect(concurrency.room('hung', 'poll')).toBeGreaterThan(1);
    await forget(app);
    await close();
  });

  it('jobs past their deadline end although their vendor answers nothing and their turn would never come', async () => {
    const { app, close, tick } = await replica({ max_concurrent_polls: 4, poll_timeout_seconds: 0.2 });
    await jobs(app, 'hung', 50);
    const late = await jobs(app, 'hung', 50, { deadlineAt: LONG_AGO_MS });
    await tick();
    await expect.poll(() => app.get(ProviderConcurrency).isSilent('hung')).toBe(true);
    await expect
      .poll(async () => {
        await tick();
        return (await stateOf(app, late)).filter(({ status }) => status === 'failed').length;
      })
      .toBe(50);
    expect(new Set((await stateOf(app, late)).map(({ error_code: code }) => code))).toEqual(new Set(['deadline_exceeded']));
    expect(asked(hung)).toBeLessThan(50);
    await forget(app);
    await close();
  });

  it('keeps to the budgets of a credential and of a vendor, whoever asks, and asks about the longest due first', async () => {
    const accounts = { steady: { polls_per_second: 8 } };
    const engine = { polls_per_second: { 'openai-compatible': 10 } };
    const first = await replica(engine, accounts);
    const replicas = [first, ...(database.name === 'postgres' ? [await replica(engine, accounts), await replica(engine, accounts)] : [])];
    let now = Date.now();
    for (const { app } of replicas) vi.spyOn(app.get(Clock), 'nowMs').mockImplementation(() => now);
    const ids = await jobs(first.app, 'steady', 200);
    const others = await jobs(first.app, 'second', 200);
    const all = ids.length + others.length;
    const seen = () => steady.requests.map(({ path }) => path.slice('/v1/videos/'.length));
    const allowed = (perSecond: number, afterMs: number) => Math.floor(1 + perSecond * 0.3 + (perSecond * afterMs) / 1000);
    for (let elapsedMs = 0; elapsedMs < 10_000; elapsedMs += 250) {
      // The vendor's budget is used up at every step, by whichever account is there first, and never exceeded, however often they look.
      const look = async () => {
        await Promise.all(replicas.map(({ tick }) => tick()));
        return seen().length;
      };
      await expect.poll(look).toBe(allowed(10, elapsedMs));
      expect(seen().filter((id) => id.startsWith('steady')).length).toBeLessThanOrEqual(allowed(8, elapsedMs));
      now += 250;
    }
    for (const [provider, own] of [
      ['steady', ids],
      ['second', others],
    ] as const) {
      const order = seen().filter((id) => id.startsWith(provider));
      expect(order.length).toBeGreaterThan(seen().length / 3);
      expect([...order].sort()).toEqual(
        own
          .slice(0, order.length)
          .map((_id, index) => `${provider}-${index}`)
          .sort(),
      );
    }
    // The next look at each is as far away as a look at all the others takes.
    await expect.poll(async () => (await stateOf(first.app, ids)).every(({ lease_owner: owner }) => owner === null)).toBe(true);
    const looked = (await stateOf(first.app, [...ids, ...others])).filter(({ lease_token: token }) => token > 0);
    const soonest = Math.min(...looked.map(({ next_run_at: next }) => next));
    expect(soonest - (now - 10_000)).toBeGreaterThanOrEqual((all / 10) * 1000);
    await forget(first.app);
    for (const { close } of replicas) await close();
  });

  describe('a vendor that calls back', () => {
    let app: NestFastifyApplication;
    let tick: () => Promise<void>;

    beforeAll(async () => {
      ({ app, tick } = await replica());
    });

    async function running() {
      const payload = { model: 'fal/reporting', prompt: `boat ${randomUUID()}` };
      const headers = { ...MASTER, prefer: 'respond-async' };
      const answer = await app.inject({ method: 'POST', url: '/v1/images/generations', headers, payload });
      expect(answer.statusCode, answer.body).toBe(202);
      const { id } = answer.json<{ id: string }>();
      await expect.poll(async () => (await stateOf(app, [id]))[0]?.status).toBe('running');
      const { id: requestId, webhookUrl = '' } = fal.submissions.at(-1) ?? { id: '' };
      const call = () => {
        const { headers: signature, body } = fal.delivery(requestId);
        return app.inject({ method: 'POST', url: new URL(webhookUrl).pathname, headers: signature, payload: Buffer.from(body) });
      };
      return { id, call };
    }

    const makeDue = (id: string) =>
      app
        .get(Database)
        .write((manager) => rows(manager, 'UPDATE attempts SET next_run_at = 1 WHERE generation_id = :id RETURNING id', { id }));
    const untilLookMs = async (id: string) => ((await stateOf(app, [id]))[0]?.next_run_at ?? NEVER) - Date.now();

    it('and polls come to one end, however many of them there are at once', async () => {
      for (let round = 0; round < 5; round += 1) {
        const { id, call } = await running();
        await makeDue(id);
        const answers = await Promise.all([tick(), ...Array.from({ length: 8 }, call)]);
        for (const answer of answers.slice(1)) expect([200, 409]).toContain(answer?.statusCode);
        await expect.poll(async () => (await stateOf(app, [id]))[0]?.status).toBe('completed');
        expect((await call()).statusCode).toBe(200);
        const { manager } = app.get(Database);
        const count = async (table: string, where: string) =>
          Number(
            (await rows<{ count: number | string }>(manager, `SELECT COUNT(*) AS count FROM ${table} WHERE ${where}`, { id }))[0]?.count,
          );
        expect(await count('assets', "generation_id = :id AND direction = 'output'")).toBe(1);
        expect(await count('attempts', "generation_id = :id AND state = 'succeeded'")).toBe(1);
        expect(await count('attempts', 'generation_id = :id')).toBe(1);
      }
      expect(fal.submissions).toHaveLength(5);
    });

    it('is asked rarely once it has called back, and as often as others after it failed to', async () => {
      const told = await running();
      expect((await told.call()).statusCode).toBe(200);
      const rare = await running();
      expect(await untilLookMs(rare.id)).toBeGreaterThan(50_000);
      // Its end is found by a poll: the callback went astray.
      await makeDue(rare.id);
      await tick();
      await expect.poll(async () => (await stateOf(app, [rare.id]))[0]?.status).toBe('completed');
      const frequent = await running();
      expect(await untilLookMs(frequent.id)).toBeLessThan(6_000);
      expect((await frequent.call()).statusCode).toBe(200);
      expect(await untilLookMs((await running()).id)).toBeGreaterThan(50_000);
    });
  });
});
