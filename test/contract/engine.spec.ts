import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_TENANT, type Principal, SCOPES, wholeOf } from '../../src/domain/access/index.js';
import { BlobStore } from '../../src/domain/storage/index.js';
import {
  type CallerConnection,
  failureOf,
  type GenerationCommand,
  type GenerationRecord,
  GenerationsService,
  isTerminal,
} from '../../src/engine/generations/index.js';
import { GenerationsRepository } from '../../src/engine/generations/store/generations.repository.js';
import { ApiError } from '../../src/platform/common/index.js';
import { Database } from '../../src/platform/database/index.js';
import { testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';
import { addKey, spendingOf } from '../support/keys.js';

const PATIENCE_MS = 20_000;
const KEY_ID = 'key-engine';

describe.each(databases())('the engine on $name', ({ url }) => {
  let app: NestFastifyApplication;
  let engine: GenerationsService;
  let repository: GenerationsRepository;

  beforeAll(async () => {
    ({ app } = await testApplication(url, { engine: { tick_ms: 50 } }));
    engine = app.get(GenerationsService);
    repository = app.get(GenerationsRepository);
    await addKey(app.get(Database), KEY_ID, 12_000_000);
  });

  const principal: Principal = { kind: 'key', ...DEFAULT_TENANT, keyId: KEY_ID, label: 'k', scopes: new Set(SCOPES), strict: true };

  function command(change: Partial<GenerationCommand> = {}): GenerationCommand {
    return {
      principal,
      requestId: 'req_test',
      operation: 'image.generate',
      model: 'mock/paint',
      prompt: 'a red fox',
      n: 1,
      params: {},
      references: [],
      unknown: {},
      gateway: [],
      strict: true,
      partialImages: 0,
      dialect: 'openai',
      ...change,
    };
  }

  function video(prompt: string, change: Partial<GenerationCommand> = {}): GenerationCommand {
    return command({ operation: 'video.generate', model: 'mock/clip', prompt, params: { duration_seconds: 1 }, ...change });
  }

  async function run(wanted: GenerationCommand): Promise<GenerationRecord> {
    const created = await engine.create(wanted, { wait: { until: 'ended', timeoutMs: PATIENCE_MS } });
    expect(isTerminal(created.generation.status)).toBe(true);
    return engine.get(wholeOf(DEFAULT_TENANT), created.generation.id);
  }

  const balance = () => spendingOf(app.get(Database), KEY_ID);

  it('makes a picture, stores it, and finds it again by its id', async () => {
    const { generation, outputs } = await run(command({ n: 2 }));
    expect(generation).toMatchObject({
      status: 'completed',
      progress: 100,
      holdState: 'settled',
      costMicros: 0,
    });
    expect(outputs.map(({ position, contentType }) => [position, contentType])).toEqual([
      [0, 'image/png'],
      [1, 'image/png'],
    ]);
    expect((await app.get(BlobStore).readAll(outputs[0]?.sha256 ?? '')).subarray(1, 4).toString()).toBe('PNG');
    expect(await repository.attemptsOf(generation.id)).toMatchObject([
      { state: 'succeeded', ordinal: 1, leaseOwner: null, nextRunAt: null },
    ]);
  });

  it('makes a video as an operation that is polled', async () => {
    const { generation, outputs } = await run(video('a blue square [mock latency=600ms]'));
    expect(generation).toMatchObject({ status: 'completed', operation: 'video.generate' });
    expect((await repository.attemptsOf(generation.id))[0]?.pollCount).toBeGreaterThan(0);
    expect(outputs).toMatchObject([{ contentType: 'video/mp4', durationMs: 1000 }]);
  });

  it('hands over progress and partial pictures while it works', async () => {
    const heard: string[] = [];
    await engine.create(command({ partialImages: 2, stream: true, prompt: 'x [mock latency=200ms progress]' }), {
      wait: { until: 'ended', timeoutMs: PATIENCE_MS },
      onSignal: ({ type }) => heard.push(type),
    });
    expect(heard.filter((type) => type === 'partial_image')).toHaveLength(2);
    expect(heard.at(-1)).toBe('ended');
  });

  it('tries again what surely cost nothing, as attempts of one generation', async () => {
    const { generation } = await run(command({ prompt: 'x [mock fail=unavailable charged=no times=2]' }));
    expect(generation).toMatchObject({ status: 'completed', attemptCount: 3 });
    const states = (await repository.attemptsOf(generation.id)).map(({ state }) => state);
    expect(states.slice(0, 2).every((state) => state === 'not_sent' || state === 'rejected')).toBe(true);
    expect(states[2]).toBe('succeeded');
  });

  it('charges what the catalogue says, gives the rest of the hold back, and nothing for a refusal', async () => {
    const before = await balance();
    const paid = await run(command({ model: 'mock/expensive-image' }));
    expect(paid.generation).toMatchObject({ status: 'completed', holdMicros: 5_000_000, costMicros: 5_000_000, costSource: 'usage' });
    const refused = await run(command({ model: 'mock/expensive-image', prompt: 'x [mock fail=content_rejected charged=no]' }));
    expect(refused.generation).toMatchObject({
      status: 'failed',
      errorCode: 'moderation_blocked',
      costMicros: 0,
      holdState: 'released',
    });
    expect(failureOf(refused.generation)).toMatchObject({ status: 400, code: 'moderation_blocked' });
    const after = await balance();
    expect(after.usedMicros - before.usedMicros).toBe(5_000_000);
    expect(after.heldMicros).toBe(before.heldMicros);
  });

  it('keeps the hold when nobody knows whether the vendor charged, and does not send it again', async () => {
    const before = await balance();
    const { generation } = await run(command({ model: 'mock/expensive-image', prompt: 'x [mock fail=invalid_response charged=unknown]' }));
    expect(generation).toMatchObject({
      status: 'failed',
      errorCode: 'outcome_unknown',
      costMicros: null,
      holdState: 'held',
      attemptCount: 1,
    });
    expect((await balance()).heldMicros - before.heldMicros).toBe(5_000_000);
  });

  it('refuses what the quota does not cover, before anybody is asked', async () => {
    await expect(run(command({ model: 'mock/expensive-image' }))).rejects.toMatchObject({ code: 'quota_exceeded' });
  });

  it('cancels what is queued or running when the vendor confirms, and says so when it does not', async () => {
    const started = await engine.create(video('x [mock latency=60s]'), { wait: { until: 'accepted', timeoutMs: PATIENCE_MS } });
    expect((await engine.cancel(wholeOf(DEFAULT_TENANT), started.generation.id)).generation).toMatchObject({
      status: 'cancelled',
      holdState: 'released',
    });
    const stubborn = await engine.create(video('x [mock latency=3s cancel=too_late]'), {
      wait: { until: 'accepted', timeoutMs: PATIENCE_MS },
    });
    const asked = await engine.cancel(wholeOf(DEFAULT_TENANT), stubborn.generation.id);
    expect(asked.generation.status).toBe('running');
    expect(asked.generation.cancelRequestedAt).not.toBeNull();
    const end = await engine.waitFor(wholeOf(DEFAULT_TENANT), stubborn.generation.id, PATIENCE_MS);
    expect(end.generation.status).toBe('completed');
    await expect(engine.cancel(wholeOf(DEFAULT_TENANT), stubborn.generation.id)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('keeps waiting through a status word that it does not know', async () => {
    const { generation } = await engine.create(video('x [mock status=brewing latency=700ms]'), {
      wait: { until: 'accepted', timeoutMs: PATIENCE_MS },
    });
    const later = await engine.waitFor(wholeOf(DEFAULT_TENANT), generation.id, 1_500);
    expect(['running', 'completed']).toContain(later.generation.status);
    await engine.cancel(wholeOf(DEFAULT_TENANT), generation.id).catch(() => undefined);
  });

  it('counts a success without media as a failure', async () => {
    const { generation } = await run(command({ prompt: 'x [mock outputs=0]' }));
    expect(generation).toMatchObject({ status: 'failed', errorCode: 'provider_invalid_response' });
  });

  it('delivers k of n and says how many', async () => {
    const { generation, outputs } = await run(command({ n: 3, prompt: 'x [mock outputs=2]' }));
    expect(generation.status).toBe('completed');
    expect(outputs).toHaveLength(2);
  });

  describe('repetitions', () => {
    const withKey = (key: string, change: Partial<GenerationCommand> = {}) =>
      command({ ...change, idempotency: { key, isRetry: false, guard: false } });

    it('with one Idempotency-Key are one generation, whether they come at once or later', async () => {
      const key = `key-${Math.random()}`;
      const wanted = withKey(key, { prompt: 'x [mock latency=150ms]' });
      const wait = { until: 'ended' as const, timeoutMs: PATIENCE_MS };
      const answers = await Promise.all(Array.from({ length: 40 }, () => engine.create(wanted, { wait })));
      const later = await engine.create(wanted, { wait });
      const ids = new Set([...answers, later].map(({ generation }) => generation.id));
      expect(ids.size).toBe(1);
      expect(answers.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1);
      expect(later).toMatchObject({ isReplayed: true, generation: { status: 'completed' }, outputs: [{ position: 0 }] });
      expect(answers.every(({ outputs }) => outputs.length === 1)).toBe(true);
    });

    it('of a key with another body are refused, and another tenant may use the same key', async () => {
      const key = `key-${Math.random()}`;
      const first = await engine.create(withKey(key));
      await expect(engine.create(withKey(key, { prompt: 'another' }))).rejects.toMatchObject({
        code: 'idempotency_key_reused',
        details: { generationId: first.generation.id },
      });
      const stranger = { ...principal, orgId: 'org-2', appId: 'app-2', keyId: undefined, kind: 'master' as const };
      expect((await engine.create(withKey(key, { principal: stranger, prompt: 'another' }))).isReplayed).toBe(false);
      await expect(engine.create(withKey('two words'))).rejects.toMatchObject({ code: 'idempotency_key_invalid' });
    });

    it('leave the key free when the price did not fit', async () => {
      const key = `key-${Math.random()}`;
      await expect(engine.create(withKey(key, { model: 'mock/expensive-image' }))).rejects.toMatchObject({ code: 'quota_exceeded' });
      expect((await engine.create(withKey(key))).isReplayed).toBe(false);
    });

    it('without a key are new wishes, unless the client says retry or its connection broke', async () => {
      const prompt = `wish ${Math.random()}`;
      const guarded = command({ prompt, idempotency: { isRetry: false, guard: true } });
      const first = await engine.create(guarded);
      const second = await engine.create(guarded);
      expect(second.generation.id).not.toBe(first.generation.id);
      const retried = await engine.create(command({ prompt, idempotency: { isRetry: true, guard: true } }));
      expect(retried).toMatchObject({ isReplayed: true, generation: { id: second.generation.id } });

      let breakOff = (): void => undefined;
      const connection: CallerConnection = (onBroken) => {
        breakOff = onBroken;
      };
      const third = await engine.create(guarded, { connection });
      breakOff();
      await expect.poll(() => repository.findAny(third.generation.id)).toMatchObject({ clientGoneAt: expect.any(Number) });
      expect((await engine.create(guarded)).generation.id).toBe(third.generation.id);
      expect((await engine.create(command({ prompt }))).generation.id).not.toBe(third.generation.id);
    });

    it('of a failure that cost nothing are tried anew', async () => {
      const prompt = `x ${Math.random()} [mock fail=content_rejected charged=no]`;
      const first = await run(command({ prompt }));
      const retried = await run(command({ prompt, idempotency: { isRetry: true, guard: true } }));
      expect(retried.generation.id).not.toBe(first.generation.id);
    });
  });

  it('shows nothing to another tenant', async () => {
    const { generation } = await run(command());
    const stranger = wholeOf({ orgId: 'another', appId: 'tenant' });
    await expect(engine.get(stranger, generation.id)).rejects.toBeInstanceOf(ApiError);
    await expect(engine.cancel(stranger, generation.id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(engine.remove(stranger, generation.id)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('hides what its owner deleted', async () => {
    const { generation } = await run(command());
    await engine.remove(wholeOf(DEFAULT_TENANT), generation.id);
    await expect(engine.get(wholeOf(DEFAULT_TENANT), generation.id)).rejects.toMatchObject({ code: 'not_found' });
  });
});
