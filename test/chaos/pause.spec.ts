import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../support/client.js';
import { postgresDatabase } from '../support/databases.js';
import { type Replica, Replicas } from './replicas.js';

const WORK_MS = 2_000;

describe('a process that stands still for longer than its lease', () => {
  const { url: databaseUrl } = postgresDatabase();
  let vendor: CompatibleSimulator;
  let replicas: Replicas;
  let paused: Replica;
  let awake: Replica;

  beforeAll(async () => {
    vendor = await startCompatibleSimulator({ flavour: 'vllm-omni' });
    replicas = new Replicas(databaseUrl, {
      providers: { 'openai-compatible': { api_base: vendor.apiBase, options: { dialect: 'vllm-omni' } } },
    });
    [paused, awake] = await Promise.all([replicas.start(), replicas.start()]);
  });
  beforeEach(() => vendor.reset());
  afterAll(async () => {
    await replicas?.close();
    await vendor?.close();
  });

  /** Sends an image to the process that is going to stand still; answers the generation's id. */
  async function sendTo(replica: Replica, fields: object): Promise<string> {
    const answer = await replica.client.image(fields, { headers: { prefer: 'respond-async' } });
    expect(answer.status, answer.text).toBe(202);
    return answer.json<{ id: string }>().id;
  }

  it('cannot write what it heard after another took over', async () => {
    vendor.inject({ kind: 'latency', ms: WORK_MS });
    const id = await sendTo(paused, { model: 'openai-compatible/image', prompt: 'a boat' });
    await until(() => vendor.requests.length > 0);
    paused.signal('SIGSTOP');
    const ended = await awake.client.ended(id);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'outcome_unknown' }, attempts: [{ state: 'unknown' }] });
    // The picture has arrived at the process that sleeps.
    await until(() => vendor.imagesMade() > 0);
    paused.signal('SIGCONT');
    // Work that it takes and ends now comes after whatever it had left to write.
    const later = await sendTo(paused, { model: 'mock/paint', prompt: 'another boat [mock latency=1s]' });
    expect((await paused.client.ended(later)).status).toBe('completed');
    const links = { outputs: [], result_url: null };
    expect(await awake.client.generation(id)).toEqual({ ...ended, ...links });
    expect(vendor.requests).toHaveLength(1);
  });

  it('does not end a second time what another ended', async () => {
    const known = replicas.submits().length;
    const id = await sendTo(paused, { model: 'mock/paint', prompt: 'a third boat [mock latency=1500ms]' });
    await replicas.submitted(known + 1);
    paused.signal('SIGSTOP');
    const ended = await awake.client.ended(id);
    expect(ended).toMatchObject({ status: 'completed', attempts: [{ state: 'succeeded' }] });
    paused.signal('SIGCONT');
    const later = await sendTo(paused, { model: 'mock/paint', prompt: 'a fourth boat [mock latency=1s]' });
    expect((await paused.client.ended(later)).status).toBe('completed');
    const { outputs, attempts, status } = await awake.client.generation(id);
    expect({ outputs: outputs.length, attempts, status }).toEqual({ outputs: 1, attempts: ended.attempts, status: 'completed' });
    const billed = replicas.submits().filter(({ key, deduplicated }) => key === ended.attempts[0]?.id && !deduplicated);
    expect(billed).toHaveLength(1);
  });

  it('keeps its work while it is awake, also when it is told to end', async () => {
    const ending = await replicas.start();
    const known = replicas.submits().length;
    const answer = ending.client.image({ model: 'mock/paint', prompt: 'a fifth boat [mock latency=3s]' });
    await replicas.submitted(known + 1);
    const ended = ending.stop();
    expect((await answer).status).toBe(200);
    expect(await ended).toBe(0);
    expect(replicas.submits()).toHaveLength(known + 1);
  });

  it('goes on with its own work when nobody took over', async () => {
    const alone = new Replicas('', {
      providers: { 'openai-compatible': { api_base: vendor.apiBase, options: { dialect: 'vllm-omni' } } },
    });
    try {
      const replica = await alone.start();
      vendor.inject({ kind: 'latency', ms: WORK_MS });
      const id = await sendTo(replica, { model: 'openai-compatible/image', prompt: 'a boat' });
      await until(() => vendor.requests.length > 0);
      replica.signal('SIGSTOP');
      const made = vendor.imagesMade();
      await until(() => vendor.imagesMade() > made);
      replica.signal('SIGCONT');
      expect(await replica.client.ended(id)).toMatchObject({ status: 'completed', attempts: [{ state: 'succeeded' }] });
      expect(vendor.requests).toHaveLength(1);
    } finally {
      await alone.close();
    }
  });
});
