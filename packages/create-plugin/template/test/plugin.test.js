import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import plugin from '#plugin';
import { createTestCall, createTestSetup, testImageRequest, testInput, testVideoRequest } from '@litegen/plugin-sdk/testing';
import { SECRETS, startSimulator } from '../simulator/index.js';

// The conformance test proves the contract; these tests prove the translation into the vendor's own words.
describe('acme', () => {
  const instance = plugin.create(createTestSetup('acme'));
  let simulator;
  before(async () => {
    simulator = await startSimulator();
  });
  after(() => simulator.close());

  it('paints from a picture and reports the media', async () => {
    const call = createTestCall({ apiBase: simulator.origin, secrets: SECRETS, idempotencyKey: 'attempt-1' });
    const request = testImageRequest({
      operation: 'image.edit',
      model: { id: 'acme/paint-1', upstream: { model: 'paint-1' } },
      n: 2,
      params: { size: { width: 512, height: 512 }, seed: 7 },
      inputs: [testInput()],
      extra: { style_code: 'ink' },
    });
    const result = await instance.image.start(request, call);
    assert.equal(result.state, 'done');
    assert.equal(result.outputs.length, 2);
    assert.equal(call.read(result.outputs[0].media).length, result.outputs[0].media.bytes);
    const [sent] = call.requests;
    assert.equal(sent.headers['idempotency-key'], 'attempt-1');
    const { image, ...rest } = sent.json();
    assert.match(image, /^data:image\/png;base64,/);
    assert.deepEqual(rest, { model: 'paint-1', prompt: request.prompt, count: 2, width: 512, height: 512, seed: 7, style_code: 'ink' });
  });

  it('says when it rounds a duration', async () => {
    const call = createTestCall({ apiBase: simulator.origin, secrets: SECRETS, webhookUrl: 'https://gateway.test/hook' });
    const request = testVideoRequest({ model: { id: 'acme/film-1', upstream: { model: 'film-1' } }, params: { duration_seconds: 2.6 } });
    const result = await instance.video.start(request, call);
    assert.equal(result.state, 'started');
    assert.deepEqual(call.requests[0].json(), {
      model: 'film-1',
      prompt: request.prompt,
      seconds: 3,
      callback_url: 'https://gateway.test/hook',
    });
    assert.deepEqual(
      call.warnings.map(({ param, action }) => [param, action]),
      [['duration_seconds', 'mapped']],
    );
  });
});
