import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import type { ErrorBody } from '../../platform/common/index.js';
import { Database } from '../../platform/database/index.js';
import { LedgerRepository, ReconciliationRepository } from '../../policy/budgets/index.js';
import type { RefundResponse } from './dto/billing-adjustment.dto.js';

const MASTER = 'a-master-key-for-corrections';

describe.each(databases())('corrections on $name', ({ url }) => {
  let app: NestFastifyApplication;
  let keyId: string;
  let key: string;
  let pictures = 0;

  beforeAll(async () => {
    ({ app } = await testApplication(url, { master_key: MASTER, engine: { tick_ms: 50 } }));
    ({ id: keyId, key } = (await send('POST', '/v1/keys', { name: 'k', token_quota: 1000 })).json<{ id: string; key: string }>());
  });

  async function send(method: 'GET' | 'POST', path: string, payload?: object, headers: object = {}, secret = MASTER) {
    const authorization = `Bearer ${secret}`;
    return app.inject({ method, url: path, headers: { authorization, ...headers }, ...(payload === undefined ? {} : { payload }) });
  }

  /** 5 US dollars. */
  async function picture(directive = ''): Promise<string> {
    const body = { model: 'mock/expensive-image', prompt: `fox ${pictures++} ${directive}` };
    const answer = await send('POST', '/v1/images/generations', body, {}, key);
    return answer.statusCode === 200 ? answer.json<{ id: string }>().id : (answer.json<ErrorBody>().error.generation_id ?? '');
  }

  const spending = async () => {
    const { tokens_used: used, tokens_held: held } = (await send('GET', `/v1/keys/${keyId}`)).json<{
      tokens_used: number;
      tokens_held: number;
    }>();
    return { used, held };
  };
  const resolve = (id: string, body: object) => send('POST', `/v1/generations/${id}/resolve`, body);
  const refund = (id: string, amount: number, name?: string) =>
    send(
      'POST',
      `/v1/generations/${id}/refund`,
      { amount_usd: amount, reason: 'blurred' },
      name === undefined ? {} : { 'idempotency-key': name },
    );

  it.each([
    [{ charged: 'no' }, { used: 0, state: 'released' }],
    [{ charged: 'yes' }, { used: 5, state: 'settled' }],
    [
      { charged: 'yes', cost_usd: 1.25 },
      { used: 1.25, state: 'settled' },
    ],
    [
      { charged: 'yes', cost_usd: 6 },
      { used: 6, state: 'settled' },
    ],
  ])('end a hold whose bill nobody knew: %j', async (told, { used, state }) => {
    const before = await spending();
    const id = await picture('[mock fail=invalid_response charged=unknown]');
    expect((await spending()).held - before.held).toBe(5);
    const answer = await resolve(id, told);
    expect([answer.statusCode, answer.json()]).toMatchObject([200, { cost_usd: used, cost_source: 'operator', hold: { state } }]);
    const after = await spending();
    expect([after.used - before.used, after.held]).toEqual([used, before.held]);
    expect((await resolve(id, told)).statusCode).toBe(409);
  });

  it('give money back once for each name, and never more than was charged', async () => {
    const id = await picture();
    const before = await spending();
    const first = await refund(id, 2, 'one');
    expect(first.json<RefundResponse>()).toEqual({ id: 'one', generation_id: id, amount_usd: 2, refundable_usd: 3 });
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    const again = await refund(id, 2, 'one');
    expect([again.statusCode, again.headers['idempotent-replayed']]).toEqual([200, 'true']);
    expect((await refund(id, 1, 'one')).statusCode).toBe(422);
    const tooMuch = await refund(id, 3.01);
    expect([tooMuch.statusCode, tooMuch.json<ErrorBody>().error.param]).toEqual([400, 'amount_usd']);
    const racing = await Promise.all(Array.from({ length: 8 }, () => refund(id, 1)));
    expect(racing.filter(({ statusCode }) => statusCode === 200)).toHaveLength(3);
    expect((await spending()).used).toBe(before.used - 5);
  });

  it('are refused where there is nothing to correct', async () => {
    const paid = await picture();
    const free = await picture('[mock fail=content_rejected charged=no]');
    expect((await resolve(paid, { charged: 'no' })).statusCode).toBe(409);
    expect((await refund(free, 1)).statusCode).toBe(409);
    expect((await resolve('never-was', { charged: 'no' })).statusCode).toBe(404);
    expect((await resolve(paid, { charged: 'perhaps' })).statusCode).toBe(400);
    expect((await refund(paid, 0)).statusCode).toBe(400);
    expect((await resolve(paid, { charged: 'no', cost_usd: 1 })).statusCode).toBe(400);
  });

  it('leave the books in order', async () => {
    const books = new ReconciliationRepository(app.get(Database), new LedgerRepository());
    expect([await books.differences(), await books.discrepancies()]).toEqual([[], []]);
  });
});
