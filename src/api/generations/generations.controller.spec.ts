import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import { attemptRow, generationRow, seed } from '../../../test/support/generations.js';
import { type GenerationDetail, type GenerationListResponse } from '../../engine/generations/index.js';
import { Database } from '../../platform/database/index.js';

const WAIT = { prefer: 'wait=30' };

describe.each(databases())('the generations API on $name', ({ url }) => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    ({ app } = await testApplication(url));
  });

  const get = (path: string, headers: Record<string, string> = {}) => app.inject({ url: path, headers });
  const patch = (id: string, payload: object) => app.inject({ method: 'PATCH', url: `/v1/generations/${id}`, payload });

  async function startVideo(prompt: string, fields: object = {}): Promise<string> {
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/videos/generations',
      headers: { prefer: 'respond-async' },
      payload: { model: 'mock/priced-clip', prompt, duration_seconds: 1, ...fields },
    });
    expect(answer.statusCode).toBeLessThan(300);
    return answer.json<{ id: string }>().id;
  }

  it('tells everything about a generation that completed', async () => {
    const id = await startVideo('a blue whale', { metadata: { order: 'o-1' } });
    const answer = await get(`/v1/generations/${id}`, WAIT);
    expect(answer.headers['preference-applied']).toBe('wait=30');
    const detail = answer.json<GenerationDetail>();
    expect(detail).toMatchObject({
      id,
      key_id: null,
      model: 'mock/priced-clip',
      requested_model: 'mock/priced-clip',
      provider: 'mock',
      media_type: 'video',
      operation: 'video.generate',
      status: 'completed',
      progress: 100,
      error: null,
      error_message: null,
      cancel_requested_at: null,
      metadata: { order: 'o-1' },
      request: { prompt: 'a blue whale', n: 1, params: { duration_seconds: 1 }, reference_roles: [], strict: true },
      hold: { state: 'settled' },
      attempts: [{ ordinal: 1, provider: 'mock', state: 'succeeded', charged: 'yes', error_code: null }],
    });
    expect(detail.provider_job_id).toMatch(/\S/);
    expect(detail.attempts[0]?.provider_job_id).toBe(detail.provider_job_id);
    expect(detail.cost_usd).toBeGreaterThan(0);
    expect(detail.cost_usd).toBe(detail.quote.amount_usd);
    expect(detail.receipt.applied).toEqual(expect.arrayContaining(['prompt', 'duration_seconds']));
    expect(detail.outputs).toEqual([
      {
        id: expect.stringMatching(/^asset-/),
        url: detail.result_url,
        content_type: 'video/mp4',
        bytes: expect.any(Number),
        width: expect.any(Number),
        height: expect.any(Number),
        duration_ms: 1000,
        revised_prompt: null,
      },
    ]);
    const file = await app.inject({ url: new URL(detail.result_url ?? '').pathname + new URL(detail.result_url ?? '').search });
    expect([file.statusCode, file.headers['content-type'], file.rawPayload.length]).toEqual([200, 'video/mp4', detail.outputs[0]?.bytes]);
    expect(Date.parse(detail.completed_at ?? '')).toBeGreaterThanOrEqual(Date.parse(detail.created_at));
  });

  it('tells why a generation failed, in the envelope of errors', async () => {
    const id = await startVideo('a bad idea [mock fail=content_rejected vendor_code=nsfw vendor_status=400 message="Not this."]');
    expect((await get(`/v1/generations/${id}`, WAIT)).json()).toMatchObject({
      status: 'failed',
      result_url: null,
      outputs: [],
      cost_usd: 0,
      error_message: 'Your request was rejected as a result of the safety system: Not this.',
      error: {
        code: 'moderation_blocked',
        type: 'invalid_request_error',
        message: 'Your request was rejected as a result of the safety system: Not this.',
        status: 400,
        provider: 'mock',
        provider_error: { code: 'nsfw', status: 400, message: 'Not this.' },
        charged: 'no',
      },
      hold: { state: 'released' },
      attempts: [{ state: 'rejected', charged: 'no', error_code: 'moderation_blocked' }],
    });
  });

  it('cancels what runs, and only that', async () => {
    const id = await startVideo('a long film [mock latency=60s]');
    const before = (await get(`/v1/generations/${id}`)).json<GenerationDetail>();
    expect(['pending', 'processing']).toContain(before.status);
    const wrong = await patch(id, { status: 'completed' });
    expect([wrong.statusCode, wrong.json()]).toMatchObject([400, { error: { code: 'param_enum_mismatch', param: 'status' } }]);
    const empty = await patch(id, {});
    expect([empty.statusCode, empty.json<{ error: { param: string } }>().error.param]).toEqual([400, 'status']);

    const cancelled = await patch(id, { status: 'cancelled' });
    expect(cancelled.statusCode).toBe(200);
    // The vendor may still be answering the submit; then the cancellation follows.
    const after = (await get(`/v1/generations/${id}`, WAIT)).json<GenerationDetail>();
    expect(after).toMatchObject({ status: 'cancelled', cost_usd: 0, hold: { state: 'released' } });
    expect(after.cancel_requested_at).toMatch(/^\d{4}-/);

    const again = await patch(id, { status: 'cancelled' });
    expect([again.statusCode, again.json()]).toMatchObject([409, { error: { code: 'conflict', generation_id: id } }]);
  });

  it('does not wait for what has ended, nor longer than asked', async () => {
    const running = generationRow({ status: 'running', model: 'mock/parked' });
    const attempt = attemptRow(running, { id: 'attempt-parked', state: 'accepted', vendorJobId: 'job-7', finishedAt: null, charged: null });
    await seed(app.get(Database), { generations: [running], attempts: [attempt] });
    const waited = await get(`/v1/generations/${running.id}`, { prefer: 'wait=1' });
    expect(waited.headers['preference-applied']).toBe('wait=1');
    expect(waited.json()).toMatchObject({ status: 'processing', provider_job_id: 'job-7', completed_at: null, cost_source: null });
    const atOnce = await get(`/v1/generations/${running.id}`, { prefer: 'handling=lenient' });
    expect(atOnce.headers).not.toHaveProperty('preference-applied');
    const unknown = await get('/v1/generations/litegen-img-unknown', WAIT);
    expect([unknown.statusCode, unknown.json<{ error: { code: string } }>().error.code]).toEqual([404, 'not_found']);
  });

  it('lists newest first, by page and by filter', async () => {
    const base = Date.now() + 60_000;
    const rows = Array.from({ length: 5 }, (_unused, index) =>
      generationRow({ model: 'mock/listed', createdAt: base + index, status: index === 2 ? 'queued' : 'completed' }),
    );
    await seed(app.get(Database), { generations: rows });
    const list = async (query: string) => (await get(`/v1/generations?model=mock/listed&${query}`)).json<GenerationListResponse>();
    const page = await list('page=2&per_page=2');
    expect(page).toMatchObject({ total: 5, page: 2, per_page: 2, total_pages: 3 });
    expect(page.data.map(({ id }) => id)).toEqual([rows[2]?.id, rows[1]?.id]);
    expect(page.data[0]).toMatchObject({ status: 'pending', result_url: null, completed_at: null });
    expect(page.data[0]).not.toHaveProperty('receipt');
    expect((await list('status=pending')).data.map(({ id }) => id)).toEqual([rows[2]?.id]);
    expect((await list('media_type=video')).total).toBe(0);
    expect((await list('operation=image.generate&provider=mock')).total).toBe(5);
    const wrong = await get('/v1/generations?media_type=sound');
    expect([wrong.statusCode, wrong.json<{ error: { param: string } }>().error.param]).toEqual([400, 'media_type']);
  });
});
