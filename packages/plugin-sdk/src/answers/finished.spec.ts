import { describe, expect, it } from 'vitest';
import { pngOf } from '../testing/sample-files.js';
import { createTestCall } from '../testing/test-call.js';
import { readFinished } from './finished.js';

const PNG = { b64_json: Buffer.from(pngOf(2, 2)).toString('base64') };
const call = createTestCall({ secrets: { apiKey: 'k' } });
const read = (body: unknown, wanted = 1) =>
  readFinished(body, { status: 200, headers: { 'x-request-id': 'r1' } }, wanted, call, { vendor: 'Acme' });

describe('an answer with media', () => {
  it('is read with what was counted', () => {
    const finished = read({ data: [PNG], usage: { input_tokens: 3, output_tokens: 9, cost: 0.04 } });
    expect(finished).toMatchObject({
      outputs: [{ media: { kind: 'bytes' } }],
      withheld: [],
      usage: { input_text_tokens: 3, output_image_tokens: 9 },
      costUsd: '0.04',
      vendorRequestId: 'r1',
    });
  });

  it('may be partly good', () => {
    expect(read({ data: [PNG, null] }, 2)).toMatchObject({ outputs: [{}], withheld: [{ count: 1, code: 'invalid_response' }] });
    const blocked = { images: [PNG.b64_json], error: 'Some images were blocked by our content filters.' };
    expect(read(blocked, 3)).toMatchObject({ outputs: [{}], withheld: [{ count: 2, code: 'content_rejected' }] });
    expect(read({ data: [PNG], error: 'never mind' }, 1)).toMatchObject({ outputs: [{}], withheld: [] });
  });

  it('may hold none, for a reason or for no reason', () => {
    expect(read({ data: [] })).toMatchObject({ outputs: [], withheld: [] });
    expect(read({ created: 5 })).toMatchObject({ outputs: [], withheld: [] });
    expect(read({ data: [], message: 'no luck today' })).toMatchObject({
      withheld: [{ code: 'invalid_response', message: 'no luck today' }],
    });
    expect(read({ data: [], respect_moderation: false })).toMatchObject({ withheld: [{ code: 'content_rejected' }] });
    expect(read({ data: [], message: 'success', code: 0 })).toMatchObject({ outputs: [], withheld: [] });
  });

  it('may be an error', () => {
    expect(() => read({ error: { message: 'size is bad', code: 400 } })).toThrow(
      expect.objectContaining({ code: 'invalid_request', charged: 'no', message: 'size is bad' }),
    );
    expect(() => read({ data: [], error: 'odd' })).toThrow(
      expect.objectContaining({ code: 'unavailable', charged: 'unknown', message: 'odd' }),
    );
    expect(() => read({ success: false, message: 'Insufficient balance' })).toThrow(expect.objectContaining({ code: 'quota_exhausted' }));
    for (const body of [[], 'x', null, 5]) {
      expect(() => read(body)).toThrow(expect.objectContaining({ code: 'invalid_response', charged: 'unknown' }));
    }
  });
});
