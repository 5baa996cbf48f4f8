import { jsonReply, makeMp4, type SimulatorReply } from '@litegen/plugin-sdk/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rows } from '../../src/platform/database/index.js';
import { databases } from '../support/databases.js';
import { DELIVERED, PricedApplication, type Written } from '../support/priced-application.js';
import { pngBase64, streamReply } from '../support/scripted-simulator.js';
import { breakTable, mend } from '../support/triggers.js';

const PATIENCE = { timeout: 20_000 };
/** What no database stores as it is: U+0000, and either half of a surrogate pair. */
const ODD = 'a\0b\ud800c\udc00d';
const CLEAN = 'a\uFFFDb\uFFFDc\uFFFDd';
const CLIP: SimulatorReply = { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(4096) };
const ENDED = /^(completed|failed|cancelled)$/;

describe.each(databases())('what a vendor says on $name', ({ url }) => {
  let gateway: PricedApplication;

  beforeAll(async () => {
    gateway = await PricedApplication.start(url);
  });
  afterEach(() => gateway.vendor.reset());
  afterAll(() => gateway.close());

  const one = async (text: string): Promise<Record<string, unknown>> => {
    const [found] = await rows<Record<string, unknown>>(gateway.database.manager, text);
    return found ?? {};
  };
  const ended = async (): Promise<Written> => {
    await expect.poll(async () => (await gateway.latest()).status, PATIENCE).toMatch(ENDED);
    return gateway.latest();
  };
  const film = async (script: Readonly<Record<string, SimulatorReply>>): Promise<Written> => {
    gateway.vendor.script(script);
    const answer = await gateway.call('POST', '/v1/videos', { model: 'openai-compatible/film', prompt: 'a boat' });
    expect(answer.statusCode).toBeLessThan(300);
    return ended();
  };

  it('is cleaned in a refusal', async () => {
    gateway.vendor.script({
      '/v1/images/generations': jsonReply(400, { error: { message: `no ${ODD}`, code: ODD, param: ODD, type: ODD } }),
    });
    const answer = await gateway.picture();
    expect([answer.statusCode, JSON.stringify(answer.json())]).toEqual([400, expect.stringContaining(CLEAN)]);
    expect(await gateway.latest()).toMatchObject({ status: 'failed', holdState: 'released', costMicros: 0 });
    expect((await gateway.latest()).errorMessage).toContain(CLEAN);
  });

  it('is cleaned in what it made of the prompt, and in what it withheld', async () => {
    const picture = { b64_json: pngBase64(), revised_prompt: ODD };
    gateway.vendor.script({
      '/v1/images/generations': jsonReply(200, { created: 1, data: [picture, { error: { message: ODD, code: ODD } }] }),
    });
    expect((await gateway.picture({ n: 2 })).statusCode).toBe(200);
    const { id } = await gateway.latest();
    expect(await gateway.latest()).toMatchObject({ status: 'completed', outputs: 1, settlements: 1 });
    const { prompt } = await one(`SELECT revised_prompt AS prompt FROM assets WHERE generation_id = '${id}' AND direction = 'output'`);
    expect(prompt).toBe(CLEAN);
  });

  it('is cleaned in a stream with partial pictures', async () => {
    const picture = { b64_json: pngBase64(), revised_prompt: ODD, size: ODD, quality: ODD };
    gateway.vendor.script({
      '/v1/images/generations': streamReply([
        { type: 'image_generation.partial_image', partial_image_index: 0, ...picture },
        { type: 'image_generation.completed', ...picture, usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } },
      ]),
    });
    const fields = { model: 'openai/gpt-image-1.5', prompt: 'a boat', stream: true, partial_images: 1 };
    expect((await gateway.call('POST', '/v1/images/generations', fields)).statusCode).toBe(200);
    expect(await ended()).toMatchObject({ status: 'completed', holdState: 'settled', outputs: 1 });
  });

  it('goes back to it exactly, where it is the name of a job', async () => {
    const name = 'film\0one';
    const written = await film({
      'POST /v1/videos': jsonReply(200, { id: name, status: 'queued' }),
      [`GET /v1/videos/${encodeURIComponent(name)}`]: jsonReply(200, { id: name, status: 'completed' }),
      [`GET /v1/videos/${encodeURIComponent(name)}/content`]: CLIP,
    });
    expect(written).toMatchObject(DELIVERED);
    const { operation, job } = await one(`SELECT operation, vendor_job_id AS job FROM attempts WHERE generation_id = '${written.id}'`);
    expect(JSON.stringify(JSON.parse(String(operation)))).toContain(JSON.stringify(name).slice(1, -1));
    expect(job).toBe('film\uFFFDone');
  });

  it('is cleaned where a job failed', async () => {
    const written = await film({
      'POST /v1/videos': jsonReply(200, { id: 'film-2', status: 'queued' }),
      'GET /v1/videos/film-2': jsonReply(200, { id: 'film-2', status: 'failed', error: { message: `no ${ODD}`, code: ODD } }),
    });
    expect(written.status).toBe('failed');
    expect(written.errorMessage).toContain(CLEAN);
    expect(gateway.vendor.requests.length).toBeLessThan(4);
  });

  it('is left out where it cannot be written, and what was delivered is not', async () => {
    await breakTable(gateway.database, { table: 'assets', on: 'INSERT', sqlState: '22021', when: 'NEW.revised_prompt IS NOT NULL' });
    gateway.vendor.script({
      '/v1/images/generations': jsonReply(200, { created: 1, data: [{ b64_json: pngBase64(), revised_prompt: 'another boat' }] }),
    });
    const answer = await gateway.picture();
    await mend(gateway.database, 'assets');
    expect(answer.statusCode).toBe(200);
    expect(await gateway.latest()).toMatchObject(DELIVERED);
    expect(gateway.vendor.requests).toHaveLength(1);
    const { id } = await gateway.latest();
    expect(gateway.lines.some((line) => line.includes(id) && line.includes('is tried in another form'))).toBe(true);
  });

  it('is left out of a job that it accepted, which is found all the same', async () => {
    await breakTable(gateway.database, { table: 'attempts', on: 'UPDATE', sqlState: '22021', when: 'NEW.vendor_job_id IS NOT NULL' });
    const written = await film({
      'POST /v1/videos': jsonReply(200, { id: 'film-3', status: 'queued' }),
      'GET /v1/videos/film-3': jsonReply(200, { id: 'film-3', status: 'completed' }),
      'GET /v1/videos/film-3/content': CLIP,
    });
    await mend(gateway.database, 'attempts');
    expect(written).toMatchObject(DELIVERED);
  });
});
