import { setTimeout as delay } from 'node:timers/promises';
import { jsonReply, makeMp4, type SimulatorReply } from '@litegen/plugin-sdk/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, until } from '../support/client.js';
import { postgresDatabase } from '../support/databases.js';
import { FakeTime, hasFakeTime } from '../support/fake-time.js';
import { pngBase64 } from '../support/scripted-simulator.js';
import { receiver } from '../webhooks/receiver.js';
import { PRICE_USD, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.js';

const TEST_TIMEOUT_MS = 60_000;
const FORWARD_SECONDS = 1_000;
const BACKWARD_SECONDS = -7_200;
const PICTURES = 'POST /v1/images/generations';
const CLIP: SimulatorReply = { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(4096) };
/** Both steps are larger. */
const SETTINGS = { engine: { tick_ms: 50, image_deadline_seconds: 300, video_deadline_seconds: 300, lease_seconds: 5 } };

function picture(afterMs: number) {
  return async () => {
    await delay(afterMs);
    return jsonReply(200, { created: 1, data: [{ b64_json: pngBase64() }] });
  };
}

describe.runIf(hasFakeTime)('a clock that steps', () => {
  const home = receiver();
  const time = new FakeTime();
  let scripted: ScriptedGateway;

  beforeAll(async () => {
    scripted = await startScriptedGateway({
      env: time.env,
      settings: { ...SETTINGS, egress: { allow: [home.allowed] }, webhooks: { retry_schedule_seconds: [2, 2, 2] } },
    });
  });
  afterEach(async () => {
    scripted.vendor.reset();
    await time.step(0);
  });
  afterAll(async () => {
    await scripted.stop();
    time.remove();
  });

  /** A film whose vendor is done when it is told to be. */
  function film(name: string): { finish(): void; made: Promise<Answer> } {
    let isDone = false;
    scripted.vendor.script({
      'POST /v1/videos': jsonReply(200, { id: name, status: 'queued' }),
      [`GET /v1/videos/${name}`]: () => jsonReply(200, { id: name, status: isDone ? 'completed' : 'in_progress' }),
      [`GET /v1/videos/${name}/content`]: CLIP,
    });
    return { finish: () => (isDone = true), made: scripted.client.video({ model: 'openai-compatible/film', prompt: 'a boat' }) };
  }

  it.each([FORWARD_SECONDS, BACKWARD_SECONDS])('by %i s ends no call that is under way', { timeout: TEST_TIMEOUT_MS }, async (seconds) => {
    scripted.vendor.script({ [PICTURES]: picture(5_000) });
    const answer = scripted.client.image({ model: 'openai-compatible/picture', prompt: `a boat at ${seconds}` });
    await until(() => scripted.vendor.requests.length > 0);
    await time.step(seconds);
    expect((await answer).status).toBe(200);
    expect(scripted.vendor.requests).toHaveLength(1);
    expect(await scripted.made(await answer)).toMatchObject({ status: 'completed', cost_usd: PRICE_USD });
  });

  it.each([FORWARD_SECONDS, BACKWARD_SECONDS])(
    'by %i s keeps no job waiting, and ends none',
    { timeout: TEST_TIMEOUT_MS },
    async (seconds) => {
      const { finish, made } = film(`film${seconds}`);
      const answer = await made;
      await until(() => scripted.vendor.count(`/v1/videos/film${seconds}`) > 0);
      await time.step(seconds);
      await until(() => scripted.gateway.logs().includes(`stepped by ${seconds < 0 ? '-' : ''}`));
      const asked = scripted.vendor.count(`/v1/videos/film${seconds}`);
      await until(() => scripted.vendor.count(`/v1/videos/film${seconds}`) > asked + 1);
      finish();
      expect(await scripted.made(answer)).toMatchObject({ status: 'completed', cost_usd: PRICE_USD });
    },
  );

  it('back keeps no webhook waiting', { timeout: TEST_TIMEOUT_MS }, async () => {
    await scripted.client.send('/v1/webhooks/endpoints', { body: { url: home.url } });
    home.answer = (response) => response.writeHead(500).end();
    scripted.vendor.script({ [PICTURES]: picture(0) });
    expect((await scripted.client.image({ model: 'openai-compatible/picture', prompt: 'told' })).status).toBe(200);
    await until(() => home.received.length > 0);
    const step = time.step(BACKWARD_SECONDS);
    home.answer = (response) => response.writeHead(204).end();
    await step;
    await expect.poll(() => home.received.length, { timeout: 40_000 }).toBeGreaterThan(1);
  });
});

describe.runIf(hasFakeTime)('a replica whose own clock steps', () => {
  const { url } = postgresDatabase();
  const time = new FakeTime();
  let steady: ScriptedGateway;
  let stepping: ScriptedGateway;

  beforeAll(async () => {
    steady = await startScriptedGateway({ databaseUrl: url, settings: SETTINGS });
    stepping = await startScriptedGateway({ databaseUrl: url, settings: SETTINGS, env: time.env });
  });
  afterAll(async () => {
    await stepping.stop();
    await steady.stop();
    time.remove();
  });

  it.each([FORWARD_SECONDS, BACKWARD_SECONDS])(
    'by %i s takes nobody’s work over, and loses none',
    { timeout: TEST_TIMEOUT_MS },
    async (seconds) => {
      for (const { vendor } of [steady, stepping]) {
        vendor.reset();
        vendor.script({ [PICTURES]: picture(8_000) });
      }
      const answers = [steady, stepping].map(({ client }) => client.image({ model: 'openai-compatible/picture', prompt: `at ${seconds}` }));
      await until(() => steady.vendor.requests.length > 0 && stepping.vendor.requests.length > 0);
      await time.step(seconds);
      for (const answer of answers) expect((await answer).status).toBe(200);
      expect([steady.vendor.requests.length, stepping.vendor.requests.length]).toEqual([1, 1]);
      await time.step(0);
    },
  );
});
