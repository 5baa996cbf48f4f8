import { describe, expect, it } from 'vitest';
import { pngOf } from '../testing/sample-files.js';
import { isFlagged, mediaOf, outputItems, readOutputs } from './outputs.js';

const PNG = Buffer.from(pngOf(2, 2)).toString('base64');
const BYTES = { kind: 'bytes', data: new Uint8Array(Buffer.from(PNG, 'base64')) };
const STORED = { kind: 'litegen.stored-media', sha256: 'a', bytes: 1, contentType: 'image/png' };
const ORIGIN = { baseUrl: 'http://gpu-1:8091/v1/', headers: { authorization: 'Bearer k' } };

describe('media', () => {
  it.each<readonly [string, unknown, object]>([
    ['stored', STORED, STORED],
    ['base64 under its key', { b64_json: PNG }, BYTES],
    ['base64 in url', { url: PNG }, BYTES],
    ['a data URL in upper case', { url: `DATA:image/png;BASE64,${PNG}` }, BYTES],
    ['a data URL under a key for base64', { b64_json: ` data:image/png;base64,${PNG}` }, BYTES],
    ['a data URL that is not base64', { url: 'data:image/svg+xml,%3Csvg/%3E' }, { kind: 'bytes', data: Buffer.from('<svg/>') }],
    ['an empty b64_json beside a url', { b64_json: '', url: 'https://cdn.test/1.png' }, { kind: 'url', url: 'https://cdn.test/1.png' }],
    ['a null beside a url', { b64_json: null, url: 'https://cdn.test/1.png' }, { kind: 'url', url: 'https://cdn.test/1.png' }],
    ['bytes beside a link', { url: 'https://cdn.test/1.png', b64_json: STORED }, STORED],
    ['a link under a key for base64', { b64_json: 'https://cdn.test/1.png' }, { kind: 'url', url: 'https://cdn.test/1.png' }],
    [
      'image_url as an object',
      { type: 'image_url', image_url: { url: 'HTTPS://cdn.test/1.png' } },
      { kind: 'url', url: 'https://cdn.test/1.png' },
    ],
    ['image_url as a text', { image_url: 'https://cdn.test/1.png' }, { kind: 'url', url: 'https://cdn.test/1.png' }],
    ['a bare link', 'https://cdn.test/1.png', { kind: 'url', url: 'https://cdn.test/1.png' }],
    [
      'a relative link',
      { url: '/v1/images/5/content' },
      { kind: 'url', url: 'http://gpu-1:8091/v1/images/5/content', headers: ORIGIN.headers },
    ],
    ['a link to the server itself', { url: 'http://gpu-1:8091/x' }, { kind: 'url', url: 'http://gpu-1:8091/x', headers: ORIGIN.headers }],
    ['a link to another port', { url: 'http://gpu-1:9000/x' }, { kind: 'url', url: 'http://gpu-1:9000/x' }],
    ['a link without a scheme', { url: '//cdn.test/x' }, { kind: 'url', url: 'http://cdn.test/x' }],
    ['a video within its holder', { video: { url: 'https://cdn.test/1.mp4' } }, { kind: 'url', url: 'https://cdn.test/1.mp4' }],
  ])('is found: %s', (_what, value, media) => {
    expect(mediaOf(value, ORIGIN)).toEqual(media);
  });

  it.each<readonly [string, unknown]>([
    ['null', null],
    ['an empty object', {}],
    ['nothing but empty fields', { b64_json: '', url: '', image_url: { url: ' ' } }],
    ['a word', { url: 'unexpected' }],
    ['a sentence', { content: 'Here is a.picture / of it' }],
    ['a path where a file is', { b64_json: 'nothing here!' }],
    ['another scheme', { url: 'ftp://cdn.test/1.png' }],
    ['a script', { url: 'javascript:alert(1)' }],
    ['an empty data URL', { url: 'data:image/png;base64,' }],
    ['a broken data URL', { url: 'data:image/png;base64,???' }],
    ['base64 that could not be read', { b64_json: { kind: 'litegen.unreadable-media', reason: 'x' } }],
    ['a number', { url: 5 }],
    ['too deep', { output: { output: { output: { output: { url: 'https://cdn.test/1.png' } } } } }],
  ])('is not: %s', (_what, value) => {
    expect(mediaOf(value, ORIGIN)).toBeUndefined();
  });
});

describe('the entries of an answer', () => {
  it.each<readonly [string, unknown, readonly unknown[]]>([
    ['data', { created: 1, data: [{ url: 'https://a.test/1' }] }, [{ url: 'https://a.test/1' }]],
    ['an empty data beside images', { data: [], images: ['https://a.test/1'] }, ['https://a.test/1']],
    ['entries that hold nothing', { data: [{ url: '' }, null] }, [{ url: '' }, null]],
    ['data that is an object', { data: { images: [{ url: 'https://a.test/1' }] } }, [{ url: 'https://a.test/1' }]],
    ['one output', { output: 'https://a.test/1' }, ['https://a.test/1']],
    ['the answer itself', { id: 'a', video_url: 'https://a.test/1' }, [{ id: 'a', video_url: 'https://a.test/1' }]],
    ['none', { created: 1, data: [] }, []],
    ['no object', [], []],
  ])('are found: %s', (_what, body, items) => {
    expect(outputItems(body)).toEqual(items);
  });
});

describe('outputs', () => {
  it('come with what is said about them, and never cost each other', () => {
    const { outputs, withheld } = readOutputs(
      [
        { b64_json: STORED, revised_prompt: 'a fox', seed: 7 },
        null,
        {},
        { b64_json: '', url: '' },
        { error: { code: 'content_policy_violation', message: 'Refused by the filter.' } },
        { error: { code: 'InternalServiceError', message: 'GPU lost' } },
        { url: '', nsfw: true },
        { b64_json: { kind: 'litegen.unreadable-media', reason: 'a media value is not base64' } },
        { url: 'https://cdn.test/2.png', nsfw: true },
      ],
      ORIGIN,
    );
    expect(outputs).toEqual([
      { media: STORED, revisedPrompt: 'a fox', seed: 7 },
      { media: { kind: 'url', url: 'https://cdn.test/2.png' } },
    ]);
    const empty = { count: 1, code: 'invalid_response', charged: 'unknown', message: expect.stringContaining('no media') };
    expect(withheld).toMatchObject([
      empty,
      empty,
      empty,
      { code: 'content_rejected', message: 'Refused by the filter.', vendorCode: 'content_policy_violation' },
      { code: 'invalid_response', message: 'GPU lost', vendorCode: 'InternalServiceError' },
      { code: 'content_rejected' },
      { code: 'invalid_response', message: expect.stringContaining('not base64') },
    ]);
  });

  it.each<readonly [object, boolean]>([
    [{ nsfw: true }, true],
    [{ respect_moderation: false, url: '' }, true],
    [{ finish_reason: 'CONTENT_FILTER' }, true],
    [{ finishReason: 'safety_system' }, true],
    [{ nsfw: false, status: 'done' }, false],
    [{}, false],
  ])('%o is flagged: %s', (item, flagged) => {
    expect(isFlagged(item)).toBe(flagged);
  });
});
