import { jsonReply, makeMp4, type SimulatorReply } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { textReply } from '../support/scripted-simulator.js';
import { PRICE_USD, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.js';

const FILM = 'openai-compatible/film';
const VIDEOS = 'POST /v1/videos';
const CLIP: SimulatorReply = { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(4096) };
const MISSING = jsonReply(404, { detail: 'Video is still in progress.' });

describe.each(databases())('a vendor’s job, on $name', ({ url }) => {
  let scripted: ScriptedGateway;

  beforeAll(async () => {
    scripted = await startScriptedGateway({ databaseUrl: url });
  });
  beforeEach(() => scripted.vendor.reset());
  afterAll(() => scripted?.stop());

  /** The job `v1`, with the status of each question; the last one stays. */
  function job(statuses: readonly unknown[], content: SimulatorReply = CLIP) {
    let asked = 0;
    scripted.vendor.script({
      [VIDEOS]: jsonReply(200, { id: 'v1', status: 'queued' }),
      'GET /v1/videos/v1': () => {
        const status = statuses[Math.min(asked++, statuses.length - 1)];
        return jsonReply(200, typeof status === 'string' ? { id: 'v1', status } : status);
      },
      'GET /v1/videos/v1/content': content,
      'DELETE /v1/videos/v1': jsonReply(200, { id: 'v1', deleted: true }),
    });
  }

  const film = async (model = FILM) => scripted.made(await scripted.client.video({ model, prompt: 'a boat' }));
  const deletions = () => scripted.vendor.count('/v1/videos/v1', 'DELETE');

  describe('status words', () => {
    it.each(['succeeded', 'SUCCESS', 'Completed', 'done', 'finished', 'TASK_STATUS_SUCCEED', 'ready'])(
      'that are synonyms end it: %s',
      async (word) => {
        job(['IN_QUEUE', 'in-progress', 'Rendering', word]);
        expect(await film()).toMatchObject({ status: 'completed', cost_usd: PRICE_USD, outputs: [{ content_type: 'video/mp4' }] });
        expect(scripted.vendor.count(VIDEOS.slice(5), 'POST')).toBe(1);
      },
    );

    it.each<readonly [string, unknown]>([
      ['in an envelope', { code: 'success', data: { task_id: 'v1', status: 'SUCCESS', progress: '100%' } }],
      ['as task_status', { output: { task_status: 'SUCCEEDED', video_url: '/v1/videos/v1/content' } }],
      ['as state', { id: 'v1', state: 'completed' }],
    ])('that stand elsewhere end it: %s', async (_where, body) => {
      job(['queued', body]);
      expect(await film()).toMatchObject({ status: 'completed' });
    });

    it('that nobody knows are waited on, and its content is looked for', async () => {
      job(['half-baked', 'half-baked', 'baked'], MISSING);
      const { id } = (await scripted.client.video({ model: FILM, prompt: 'a boat' })).json<{ id: string }>();
      await until(() => scripted.vendor.count('/v1/videos/v1/content') >= 2);
      expect(await scripted.client.generation(id)).toMatchObject({ status: 'processing' });
      expect(await (await fetch(`${scripted.gateway.url}/metrics`)).text()).toMatch(/litegen_provider_unknown_status_total\{[^}]*\} [1-9]/);
      job(['baked']);
      expect(await scripted.client.ended(id)).toMatchObject({ status: 'completed', outputs: [{ content_type: 'video/mp4' }] });
      expect(deletions()).toBe(0);
    });

    it('that nobody knows until the deadline delete nothing that is there', async () => {
      job(['baked'], MISSING);
      const { id } = (await scripted.client.video({ model: 'openai-compatible/short-film', prompt: 'a boat' })).json<{ id: string }>();
      // Anything but media is no content.
      job(['baked'], jsonReply(200, { error: { message: 'not yet' } }));
      await until(() => scripted.vendor.count('/v1/videos/v1/content') >= 1);
      job(['baked'], CLIP);
      expect(await scripted.client.ended(id)).toMatchObject({ status: 'completed' });
      expect(deletions()).toBe(0);
    });

    it('that tell of the end keep a cancellation from deleting it', async () => {
      job(['running']);
      const { id } = (await scripted.client.video({ model: FILM, prompt: 'a boat' })).json<{ id: string }>();
      await until(async () => (await scripted.client.generation(id)).status === 'processing');
      job(['SUCCEED']);
      await scripted.client.send(`/v1/generations/${id}/cancel`, { method: 'POST' });
      expect(await scripted.client.ended(id)).toMatchObject({ status: 'completed', cost_usd: PRICE_USD });
      expect(deletions()).toBe(0);
    });

    it.each<readonly [string, object, string]>([
      ['the policy', { status: 'failed', error: { message: 'The prompt violates our content policy.' } }, 'moderation_blocked'],
      ['a code', { status: 'FAILED', error: { code: 'moderation_blocked', message: 'no' } }, 'moderation_blocked'],
      ['a filter', { status: 'Content Moderated' }, 'moderation_blocked'],
      ['a wrong value', { status: 'error', error: 'seconds must be one of 4, 8, 12' }, 'provider_invalid_request'],
      ['no credit', { status: 'Fail', fail_reason: 'insufficient balance' }, 'provider_quota_exhausted'],
      ['time', { status: 'failed', error: { message: 'Generation timed out' } }, 'provider_timeout'],
      ['something else', { status: 'failed', error: { message: 'the pipeline raised an exception' } }, 'provider_unavailable'],
    ])('that tell of a failure mean what the error says: %s', async (_name, body, code) => {
      job(['queued', { id: 'v1', ...body }]);
      expect(await film()).toMatchObject({ status: 'failed', error: { code, charged: 'no' }, hold: { state: 'released' } });
    });
  });

  describe('ids', () => {
    it.each<readonly [string, string, string]>([
      ['task_id', '{"task_id":"t 1","request_id":"r"}', 't%201'],
      ['a number', '{"id":42,"status":"queued"}', '42'],
      ['a number of 64 bits', '{"task_id":9007199254740993}', '9007199254740993'],
      ['data', '{"code":0,"request_id":"r","data":{"task_id":"t1","task_status":"submitted"}}', 't1'],
      ['a list', '{"data":[{"id":"t1"}]}', 't1'],
      ['an empty id beside it', '{"id":"","job_id":"t1"}', 't1'],
    ])('are found: %s', async (_name, accepted, path) => {
      scripted.vendor.script({
        [VIDEOS]: textReply(accepted, 202),
        [`GET /v1/videos/${path}`]: jsonReply(200, { status: 'completed' }),
        [`GET /v1/videos/${path}/content`]: CLIP,
      });
      const generation = await film();
      expect(generation).toMatchObject({ status: 'completed', outputs: [{ content_type: 'video/mp4' }] });
      expect(generation).toMatchObject({ provider_job_id: decodeURIComponent(path) });
    });

    it('are found by fal too', async () => {
      scripted.vendor.script({
        'POST /fal-ai/flux/dev': jsonReply(200, { data: { task_id: 't1' } }),
        '/fal-ai/flux/requests/t1/status': jsonReply(200, { status: 'SUCCEEDED' }),
        '/fal-ai/flux/requests/t1': jsonReply(200, { images: [{ url: `${scripted.vendor.origin}/files/1.png` }] }),
        '/files/1.png': { status: 200, body: (await import('@litegen/plugin-sdk/testing')).makePng() },
      });
      const answer = await scripted.client.image({ model: 'fal/flux-dev', prompt: 'a boat' });
      expect(answer.status, answer.text).toBe(200);
    });

    it('that are missing keep the money, because the work may go on', async () => {
      scripted.vendor.script({ [VIDEOS]: jsonReply(200, { status: 'queued' }) });
      const answer = await scripted.client.video({ model: FILM, prompt: 'a boat' });
      expect(failureOf(answer)).toMatchObject({ code: 'outcome_unknown' });
    });

    it('that are unknown right after they were accepted are asked for again', async () => {
      job(['queued']);
      scripted.vendor.inject({ kind: 'status', status: 404, body: { detail: 'Video not found' } }, { path: '/v1/videos/v1', times: 3 });
      const { id } = (await scripted.client.video({ model: FILM, prompt: 'a boat' })).json<{ id: string }>();
      await until(() => scripted.vendor.count('/v1/videos/v1', 'GET') >= 4);
      job(['completed']);
      expect(await scripted.client.ended(id)).toMatchObject({ status: 'completed' });
    });
  });
});
