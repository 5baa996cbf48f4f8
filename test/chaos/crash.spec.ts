import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAL_TEST_KEY, type FalSimulator, startFalSimulator } from 'litegen-provider-fal/simulator';
import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../support/client.js';
import { type ReplicaSettings, Replicas } from './replicas.js';

const PRICE_USD = 0.04;
const LONG_MS = 60_000;

const MODELS = `
models:
  - id: openai-compatible/priced
    provider: openai-compatible
    media_type: image
    display_name: Priced
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
  - id: fal/priced
    provider: fal
    media_type: image
    display_name: Priced
    upstream: { endpoint: fal-ai/fast-sdxl, fields: { output_format: format } }
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    polling: { initial_seconds: 0.1, interval_seconds: 0.1, max_interval_seconds: 0.1 }
`;

describe('a process that dies', () => {
  const models = mkdtempSync(join(tmpdir(), 'litegen-models-'));
  writeFileSync(join(models, 'models.yaml'), MODELS);
  afterAll(() => rmSync(models, { recursive: true, force: true }));

  let compatible: CompatibleSimulator;
  let fal: FalSimulator;
  let settings: ReplicaSettings;
  let replicas: Replicas;
  beforeEach(async () => {
    compatible = await startCompatibleSimulator({ flavour: 'vllm-omni' });
    fal = await startFalSimulator({ queuedPolls: 0, runningPolls: 0 });
    settings = {
      models_directory: models,
      providers: {
        'openai-compatible': { api_base: compatible.apiBase, options: { dialect: 'vllm-omni' } },
        fal: { ...fal.settings, api_key: FAL_TEST_KEY },
      },
    };
    replicas = new Replicas('', settings);
  });
  afterEach(async () => {
    await replicas.close();
    await Promise.all([compatible.close(), fal.close()]);
  });

  /** Kills a process in the midst of a synchronous request, and starts the next. */
  async function dieDuring(fields: object, moment: () => boolean | Promise<boolean>) {
    const first = await replicas.start();
    const lost = expect(first.client.image(fields)).rejects.toThrow();
    await until(moment);
    await first.kill();
    await lost;
    const { client } = await replicas.start();
    const { id } = await client.latest();
    return client.ended(id);
  }

  it('does not send again what the vendor may have done, and keeps the money held', async () => {
    compatible.inject({ kind: 'latency', ms: LONG_MS });
    const generation = await dieDuring({ model: 'openai-compatible/priced', prompt: 'a boat' }, () => compatible.requests.length > 0);
    expect(generation).toMatchObject({
      status: 'failed',
      error: { code: 'outcome_unknown', charged: 'unknown' },
      hold: { amount_usd: PRICE_USD, state: 'held' },
      attempts: [{ state: 'unknown', charged: 'unknown' }],
    });
    expect(compatible.requests).toHaveLength(1);
  });

  it('sends again, under the same key, what the vendor recognises', async () => {
    const fields = { model: 'mock/paint', prompt: 'a boat [mock latency=1s]' };
    const generation = await dieDuring(fields, () => replicas.submits().length > 0);
    expect(generation).toMatchObject({ status: 'completed', attempts: [{ state: 'succeeded' }] });
    const [first, second, ...more] = replicas.submits();
    expect(first).toMatchObject({ key: generation.attempts[0]?.id, deduplicated: false });
    expect(second).toMatchObject({ key: first?.key, deduplicated: true });
    expect(more).toEqual([]);
  });

  it('does not send for ever what takes it down each time', async () => {
    const { client } = await replicas.start();
    const { id } = (
      await client.image({ model: 'mock/paint', prompt: 'a boat [mock drop]' }, { headers: { prefer: 'respond-async' } })
    ).json<{
      id: string;
    }>();
    expect(await client.ended(id)).toMatchObject({ status: 'failed', error: { code: 'outcome_unknown', charged: 'unknown' } });
    expect(replicas.submits().map(({ deduplicated }) => deduplicated)).toEqual([false, true, true]);
  });

  it('goes on with a job that the vendor works on', async () => {
    fal.inject({ kind: 'status', status: 503 }, { path: /\/status$/, times: 3 });
    const generation = await dieDuring({ model: 'fal/priced', prompt: 'a boat' }, () => fal.count(/\/status$/) > 0);
    expect(generation).toMatchObject({ status: 'completed', cost_usd: PRICE_USD, hold: { state: 'settled' } });
    expect(fal.submissions).toHaveLength(1);
  });

  it('fetches the file of a job that is done', async () => {
    fal.inject({ kind: 'latency', ms: LONG_MS }, { path: /^\/files\// });
    const generation = await dieDuring({ model: 'fal/priced', prompt: 'a boat' }, () => fal.count(/^\/files\//) > 0);
    expect(generation).toMatchObject({ status: 'completed', cost_usd: PRICE_USD });
    expect(generation.outputs).toHaveLength(1);
    expect(fal.submissions).toHaveLength(1);
  });
});
