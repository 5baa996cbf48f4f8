import { beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../support/client.js';
import { databases } from '../support/databases.js';
import { CacheGateway, PRICE_USD } from './cache-application.js';

const KEYS = 6;
const ROUNDS = 3;
const AT_ONCE = 60;

describe.each(databases())('a storm of requests that are cached, renewed, cleared and refused on $name', ({ name, url }) => {
  let gateway: CacheGateway;

  beforeAll(async () => {
    const started = await CacheGateway.start(url, { replicas: name === 'postgres' ? 2 : 1 });
    ({ gateway } = started);
    return started.close;
  });

  it('ends with every answer accounted for, and no vendor call that nobody paid', { timeout: 60_000 }, async () => {
    const { id, client } = await gateway.key({ token_quota: 1000 });
    const clients = gateway.replicas.map((_replica, index) => client(index));
    const answers: Answer[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      gateway.vendor.inject({ kind: 'latency', ms: 60 }, { times: 3 });
      gateway.vendor.inject({ kind: 'status', status: 400, body: { error: { message: 'no' } }, afterMs: 40 }, { times: 2 });
      const clearing = gateway.master().send('/v1/cache', { method: 'DELETE' });
      answers.push(
        ...(await Promise.all(
          Array.from({ length: AT_ONCE }, async (_, index) => {
            const control: Record<string, string> = index % 13 === 0 ? { 'cache-control': 'no-cache' } : {};
            const fields = { model: 'openai-compatible/picture', prompt: `subject ${index % KEYS}`, response_format: 'url' };
            const by = clients[index % clients.length] as (typeof clients)[number];
            const ask = (): Promise<Answer> => by.image(fields, { headers: { 'x-litegen-cache-ttl': '3600', ...control } });
            const answer = await ask();
            // On a busy machine a caller may be asked to come again, and does, as the SDKs do.
            return answer.status === 503 && answer.headers.has('retry-after') ? ask() : answer;
          }),
        )),
      );
      expect((await clearing).status).toBe(200);
    }
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 400]));
    const paid = answers.filter(({ status, headers }) => status === 200 && headers.get('x-litegen-cost') !== '0');
    const made = gateway.vendor.imagesMade();
    expect(paid).toHaveLength(made);
    expect(made).toBeLessThan((ROUNDS * AT_ONCE) / 3);
    const { tokens_used: used, tokens_held: held } = await gateway
      .master()
      .read<{ tokens_used: number; tokens_held: number }>(`/v1/keys/${id}`);
    expect([used, held]).toEqual([expect.closeTo(made * PRICE_USD, 6), 0]);
    expect(await gateway.differences()).toEqual([]);
    const unfinished = (await clients[0]?.generations())?.filter(({ status }) => status !== 'completed' && status !== 'failed');
    expect(unfinished).toEqual([]);
  });
});
