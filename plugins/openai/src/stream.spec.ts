import { type Json, ProviderError, type ServerSentEvent } from '@litegen/plugin-sdk';
import { createTestCall, pngOf } from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { readStream } from './stream.js';

const PNG = Buffer.from(pngOf(2, 2)).toString('base64');
const RESPONSE = { status: 200, headers: { 'x-request-id': 'r1' } };
const completed = { type: 'image_generation.completed', b64_json: PNG, usage: { input_tokens: 3, output_tokens: 9 } };

async function* events(data: readonly Json[], broken?: Error): AsyncGenerator<ServerSentEvent> {
  for (const one of data) yield { event: 'message', data: one };
  if (broken !== undefined) throw broken;
}

const read = (data: readonly Json[], broken?: Error, call = createTestCall()) => readStream(events(data, broken), RESPONSE, call);
const cut = new ProviderError('invalid_response', 'its body was cut short', { charged: 'unknown' });

describe('a stream', () => {
  it('brings its pictures and the usage of each', async () => {
    expect(await read([completed, completed, '[DONE]'])).toMatchObject({
      outputs: [{ media: { kind: 'bytes' } }, {}],
      withheld: [],
      usage: { input_text_tokens: 6, output_image_tokens: 18 },
      vendorRequestId: 'r1',
    });
  });

  it.each<readonly [string, Json[], Error | undefined, object]>([
    ['an error', [completed, { error: { code: 'server_error', message: 'lost' } }], undefined, { code: 'unavailable', message: 'lost' }],
    ['a refusal', [{ type: 'error', code: 'moderation_blocked', message: 'no' }, completed], undefined, { code: 'content_rejected' }],
    ['an entry that failed', [completed, { type: 'x.partial_failed', error: { message: 'hot' } }], undefined, { message: 'hot' }],
    ['an event without a picture', [completed, { type: 'x.completed', b64_json: '' }], undefined, { code: 'invalid_response' }],
    ['a broken connection', [completed], cut, { code: 'invalid_response', charged: 'unknown' }],
  ])('keeps its pictures beside %s', async (_what, data, broken, withheld) => {
    expect(await read(data, broken)).toMatchObject({ outputs: [{}], withheld: [{ count: 1, charged: 'unknown', ...withheld }] });
  });

  it('fails without a picture, as the first error means', async () => {
    const refused = { type: 'error', error: { code: 'moderation_blocked', message: 'no' } };
    await expect(read([refused, { type: 'error', error: { message: 'later' } }])).rejects.toMatchObject({
      code: 'content_rejected',
      message: 'no',
    });
    await expect(read([])).rejects.toMatchObject({ code: 'invalid_response', charged: 'unknown' });
    await expect(read([], cut)).rejects.toBe(cut);
  });

  it('may be nothing but empty events, which is no unknown outcome', async () => {
    expect(await read([{ type: 'x.completed', b64_json: '' }])).toMatchObject({ outputs: [], withheld: [{ code: 'invalid_response' }] });
  });

  it('ends with the call, whatever it has brought', async () => {
    const call = createTestCall();
    call.abort();
    await expect(read([completed], cut, call)).rejects.toBe(cut);
  });
});
