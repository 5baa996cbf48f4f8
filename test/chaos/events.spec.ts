import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/client.js';
import { postgresDatabase } from '../support/databases.js';
import { type Listening, listen } from '../support/event-source.js';
import { MASTER_KEY, type Replica, Replicas } from './replicas.js';

describe('events of a generation that another process works on', () => {
  const { url: databaseUrl } = postgresDatabase();
  let replicas: Replicas;
  let worker: Replica;
  let api: Replica;
  let leaving: Replica;

  beforeAll(async () => {
    replicas = new Replicas(databaseUrl);
    const role = { env: { LITEGEN__ROLE: 'api' } };
    [worker, api, leaving] = await Promise.all([replicas.start(), replicas.start(role), replicas.start(role)]);
  });
  afterAll(() => replicas?.close());

  const follow = (replica: Replica, id: string, lastId?: string): Promise<Listening> =>
    listen(`${replica.url}/v1/generations/${id}/events`, {
      authorization: `Bearer ${MASTER_KEY}`,
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    });

  it('are the same everywhere, and go on elsewhere when a process ends', async () => {
    const fields = { model: 'mock/clip', prompt: 'a boat [mock latency=6s progress]', seconds: '1' };
    const { id } = (await worker.client.video(fields)).json<{ id: string }>();
    const [near, far, broken] = await Promise.all([follow(worker, id), follow(api, id), follow(leaving, id)]);
    await until(() => broken.events.some(({ type }) => type === 'generation.progress'));
    const left = leaving.stop();
    // Not cut: the stream ends as a whole, and its client knows where it was.
    expect(await broken.ended).toBe(true);
    expect(await left).toBe(0);
    expect(broken.events.at(-1)?.id).not.toBe('end');
    const resumed = await follow(api, id, broken.events.at(-1)?.id);
    expect(await Promise.all([near, far, resumed].map(({ ended }) => ended))).toEqual([true, true, true]);
    for (const { events } of [near, far, { events: [...broken.events, ...resumed.events] }]) {
      const ids = events.map((event) => event.id);
      expect(ids).toEqual([...new Set(ids)]);
      expect(events.filter(({ type }) => type !== 'generation.progress').map(({ type }) => type)).toEqual([
        'generation.status',
        'generation.completed',
      ]);
      expect(ids.length).toBeGreaterThan(2);
    }
    // What replicas tell of one generation carries the same ids.
    const seen = new Set(near.events.map((event) => event.id));
    expect(far.events.filter((event) => seen.has(event.id)).length).toBeGreaterThan(1);
  });
});
