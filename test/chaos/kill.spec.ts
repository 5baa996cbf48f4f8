import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationView } from '../support/client.js';
import { postgresDatabase } from '../support/databases.js';
import { type Replica, Replicas } from './replicas.js';

const JOBS = 200;
const CALLERS = 10;
const PATIENCE_MS = 150_000;

/** Two replicas on one Postgres, one store, and one vendor that remembers its jobs. */
describe('a replica that is killed', () => {
  const { url: databaseUrl } = postgresDatabase();
  let replicas: Replicas;
  let doomed: Replica;
  let survivor: Replica;

  beforeAll(async () => {
    replicas = new Replicas(databaseUrl, { engine: { max_concurrent_tasks: 64 } });
    // At once, on an empty database: the first of them makes the tables.
    [doomed, survivor] = await Promise.all([replicas.start(), replicas.start()]);
  });
  afterAll(() => replicas?.close());

  /** As clients do: an answer that never came is asked for again, under the same key. */
  async function create(index: number, target: Replica): Promise<string> {
    const options = { headers: { prefer: 'respond-async', 'idempotency-key': `chaos-${index}` } };
    const fields = { model: 'mock/clip', prompt: `chaos ${index} [mock latency=1s]`, seconds: '1' };
    const answer = await target.client.video(fields, options).catch(() => survivor.client.video(fields, options));
    expect([200, 202], answer.text).toContain(answer.status);
    return answer.json<{ id: string }>().id;
  }

  it(`loses none of ${JOBS} videos, and the vendor gets each job once`, { timeout: PATIENCE_MS }, async () => {
    const ids: string[] = [];
    let next = 0;
    let killed: Promise<void> | undefined;
    const caller = async (): Promise<void> => {
      while (next < JOBS) {
        const index = next;
        next += 1;
        if (index === JOBS / 2) killed = doomed.kill();
        ids.push(await create(index, killed === undefined && index % 2 === 0 ? doomed : survivor));
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    await killed;
    expect(new Set(ids).size).toBe(JOBS);

    let generations: GenerationView[] = [];
    await expect
      .poll(
        async () => {
          generations = await survivor.client.generations();
          return generations.filter(({ status }) => status === 'pending' || status === 'processing').length;
        },
        { timeout: PATIENCE_MS, interval: 250 },
      )
      .toBe(0);
    expect(generations.filter(({ status }) => status !== 'completed')).toEqual([]);
    expect(generations.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(generations.every(({ outputs }) => outputs.length === 1)).toBe(true);

    // A repeated submit is recognised by its key, so each job is billed once.
    expect(replicas.jobCount()).toBe(JOBS);
    const submits = replicas.submits();
    expect(new Set(submits.map(({ key }) => key)).size).toBe(JOBS);
    const billed = submits.filter(({ accepted, deduplicated }) => accepted && !deduplicated).map(({ key }) => key);
    expect(new Set(billed).size).toBe(billed.length);
  });
});
