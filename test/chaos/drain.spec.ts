import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, until } from '../support/client.js';
import { Replicas } from './replicas.js';

describe('a process that is told to end', () => {
  let replicas: Replicas;
  beforeEach(() => {
    replicas = new Replicas();
  });
  afterEach(() => replicas.close());

  it('answers what it took on, takes nothing new, and says so to its balancer', async () => {
    const replica = await replicas.start();
    const { client } = replica;
    expect((await client.send('/health/ready')).status).toBe(200);
    // Longer than a lease, which must be kept alive meanwhile.
    const answer = client.image({ model: 'mock/paint', prompt: 'a boat [mock latency=3s]' });
    await replicas.submitted(1);
    const ended = replica.stop();

    const readiness = await until(async () => {
      const { status, text } = await client.send('/health/ready');
      return status !== 200 && text;
    });
    expect(JSON.parse(readiness)).toMatchObject({ status: 'not_ready', checks: { draining: true } });
    expect((await client.send('/health/live')).status).toBe(200);
    const refused = await client.image({ model: 'mock/paint', prompt: 'another boat' });
    expect(failureOf(refused)).toMatchObject({ status: 503, code: 'shutting_down' });
    expect(refused.headers.get('x-should-retry')).toBe('true');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

    const { status, text } = await answer;
    expect(status, text).toBe(200);
    expect(await ended).toBe(0);
    expect(replicas.submits()).toHaveLength(1);
  });

  it('goes on taking requests until its balancer had time to look elsewhere, and lets no client stay', async () => {
    const replica = await replicas.start({ env: { LITEGEN__SERVER__DRAIN_DELAY_SECONDS: '2' } });
    const { client } = replica;
    expect((await client.send('/health/live')).headers.get('connection')).not.toBe('close');
    const ended = replica.stop();
    await until(async () => (await client.send('/health/ready')).status === 503);
    const answer = await client.image({ model: 'mock/paint', prompt: 'a boat' });
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    expect(await ended).toBe(0);
  });

  it('leaves a job that its vendor works on to the next process', async () => {
    const first = await replicas.start();
    const fields = { model: 'mock/clip', prompt: 'a boat [mock latency=2s]', seconds: '1' };
    const { id } = (await first.client.video(fields)).json<{ id: string }>();
    expect((await first.client.generation(id)).attempts).toMatchObject([{ state: 'accepted' }]);
    expect(await first.stop()).toBe(0);
    const second = await replicas.start();
    expect((await second.client.ended(id)).status).toBe('completed');
    expect(replicas.submits()).toHaveLength(1);
  });

  it('does not wait longer than its grace, nor for connections on which nothing is asked', async () => {
    const first = await replicas.start({ server: { shutdown_grace_seconds: 0.2 } });
    const unused = connect(Number(new URL(first.url).port), '127.0.0.1');
    unused.on('error', () => undefined);
    await new Promise((resolve) => unused.once('connect', resolve));
    const cut = expect(first.client.image({ model: 'mock/paint', prompt: 'a boat [mock latency=5s]' })).rejects.toThrow();
    await replicas.submitted(1);
    expect(await first.stop()).toBe(0);
    await cut;
    // What it left is taken up, and the vendor recognises it.
    const second = await replicas.start();
    expect((await second.client.ended((await second.client.latest()).id)).status).toBe('completed');
    const [before, after] = replicas.submits();
    expect(after).toEqual({ ...before, at: expect.any(String), deduplicated: true });
  });
});
