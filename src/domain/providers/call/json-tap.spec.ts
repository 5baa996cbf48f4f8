import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mediaPlaces } from '@litegen/plugin-sdk';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../../platform/config/index.js';
import { type BlobStore, openBlobStore } from '../../storage/index.js';
import { JsonTap } from './json-tap.js';

let directory: string;
let store: BlobStore;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'litegen-tap-'));
  store = await openBlobStore(configSchema.parse({ storage: { path: directory } }), Date.now());
});

afterAll(() => rm(directory, { recursive: true, force: true }));

interface TapSettings {
  readonly keys?: readonly string[];
  readonly paths?: readonly string[];
  readonly maxBytes?: number;
  readonly maxTextBytes?: number;
  /** Length of the chunks in which the text arrives. */
  readonly chunk?: number;
}

async function tapped(
  text: string,
  { keys = ['b64'], paths = [], maxBytes = 1e6, maxTextBytes, chunk = 1 << 30 }: TapSettings = {},
): Promise<unknown> {
  const places = mediaPlaces({ base64Keys: keys, media: paths.map((path) => ({ path })) });
  const tap = new JsonTap({ places, openWriter: () => store.createWriter(maxBytes), maxTextBytes });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunk) await tap.write(bytes.subarray(at, at + chunk));
  return JSON.parse(await tap.finish());
}

async function contentOf(stored: unknown): Promise<Buffer> {
  const { kind, sha256, bytes } = stored as { kind: string; sha256: string; bytes: number };
  expect(kind).toBe('litegen.stored-media');
  const data = await store.readAll(sha256);
  expect(data).toHaveLength(bytes);
  return data;
}

const picture = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108020000', 'hex');

describe('JsonTap', () => {
  it('finds the same media wherever the chunks are cut, and leaves the rest as it was', async () => {
    const text = JSON.stringify({
      data: [
        { b64: picture.toString('base64'), note: '"b64":"', 'b64"': 'x', unicode: 'é😀\\' },
        { b64: null },
        { other: { b64: 'AAEC/+8=' } },
      ],
      b64s: 'untouched',
      list: ['b64', 'untouched', 1.5e3, true],
    });
    for (let chunk = 1; chunk <= text.length; chunk += 1) {
      const value = (await tapped(text, { chunk })) as { data: { b64?: unknown; other?: { b64: unknown } }[] };
      expect(await contentOf(value.data[0]?.b64)).toEqual(picture);
      expect(await contentOf(value.data[2]?.other?.b64)).toEqual(Buffer.from([0, 1, 2, 255, 239]));
      expect(value).toMatchObject({
        data: [{ note: '"b64":"', 'b64"': 'x', unicode: 'é😀\\' }, { b64: null }, {}],
        b64s: 'untouched',
        list: ['b64', 'untouched', 1500, true],
      });
    }
  });

  it('agrees with JSON.parse for any document and any cut', async () => {
    const documents = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue());
    const sample = fc.record({
      before: documents,
      // A short text that begins with a slash may be a path.
      bytes: fc.uint8Array({ minLength: 1, maxLength: 90 }).filter(([first = 0]) => first < 0xfc),
      after: documents,
      chunk: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(sample, async ({ before, bytes, after, chunk }) => {
        // A key that no random document holds.
        const key = 'the "média"\\key';
        const text = JSON.stringify({ before, [key]: Buffer.from(bytes).toString('base64'), after }, null, 1);
        const value = (await tapped(text, { keys: [key], chunk })) as Record<string, unknown>;
        expect(await contentOf(value[key])).toEqual(Buffer.from(bytes));
        expect({ ...value, [key]: '' }).toEqual(JSON.parse(JSON.stringify({ before, [key]: '', after })));
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['escaped slashes', 'iVBORw0K\\/\\/8='],
    ['unicode escapes', 'iVBORw0K\\u002f\\u002F8\\u003d'],
    ['line breaks', 'iVBO\\r\\nRw0K//\\n8=\\n'],
    ['a data URL', 'data:image\\/png;base64,iVBORw0K//8='],
    ['no padding', 'iVBORw0K//8'],
  ])('decodes base64 with %s', async (_what, base64) => {
    for (let chunk = 1; chunk < 40; chunk += 1) {
      const value = (await tapped(`{"b64":"${base64}"}`, { chunk })) as { b64: unknown };
      expect((await contentOf(value.b64)).toString('hex')).toBe('89504e470d0affff');
    }
  });

  it.each([
    ['upper case', 'DATA:image/PNG;BASE64,iVBORw0K//8='],
    ['white space', ' data:image/png; base64 , iVBORw0K//8='],
    ['a parameter', 'data:image/png;charset=utf-8;base64,iVBORw0K//8='],
  ])('decodes a data URL with %s', async (_what, url) => {
    for (let chunk = 1; chunk < 70; chunk += 1) {
      const value = (await tapped(JSON.stringify({ b64: url }), { chunk })) as { b64: unknown };
      expect((await contentOf(value.b64)).toString('hex')).toBe('89504e470d0affff');
    }
  });

  it.each([
    'A',
    'AAAAA',
    'AAAA=',
    'AA=',
    'data:image/png;base64,AAAAA',
    `${'AAAA'.repeat(400)}*`,
    `${'AAAA'.repeat(400)}\\"AAAA`,
    `${'AAAA'.repeat(400)}\\u0141`,
  ])('leaves a mark in place of base64 that is broken, and reads on: %j', async (base64) => {
    for (const chunk of [1, 2, 3, 1000, 1024, 1025]) {
      const value = await tapped(`{"b64":"${base64}","list":[{"b64":"AAEC/+8="}],"b":"\\"x"}`, { chunk });
      expect(value).toMatchObject({ b64: { kind: 'litegen.unreadable-media', reason: expect.stringContaining('base64') }, b: '"x' });
      expect(await contentOf((value as { list: { b64: unknown }[] }).list[0]?.b64)).toEqual(Buffer.from([0, 1, 2, 255, 239]));
    }
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it.each([
    '',
    '   ',
    'AA===',
    'A===',
    '=',
    'AA*A',
    'https://x.test/a.png',
    'HTTP://x.test/iVBORw0K',
    '/v1/images/7/content',
    'é',
    'AA"A',
    'a \\ b',
    'data:image/png,abc',
    'data:',
    `not base64: ${'AAAA'.repeat(400)}`,
  ])('leaves what is not base64 as it is: %j', async (text) => {
    for (const chunk of [1, 2, 3, 1000, 1024, 1025]) {
      expect(await tapped(JSON.stringify({ b64: text, after: [{ b64: null }] }), { chunk })).toEqual({ b64: text, after: [{ b64: null }] });
    }
  });

  it.each(['AA\\', 'AA\\q', '\\'])('leaves a string that is no JSON to the reader of the whole: %j', async (raw) => {
    for (const chunk of [1, 2, 3, 1000]) await expect(tapped(`{"b64":"${raw}"}`, { chunk })).rejects.toThrow(/JSON|cut short/);
  });

  it('tells a file from a link where either may stand', async () => {
    const base64 = picture.toString('base64');
    const jpeg = Buffer.from('ffd8ffe000104a464946', 'hex').toString('base64');
    const document = {
      images: [base64, 'https://x.test/1', '', jpeg],
      data: [{ url: base64 }, { url: 'v1/images/5/content' }, { image_url: { url: `data:image/png;base64,${base64}` }, key: base64 }],
      image: base64,
      deep: [[{ art: [base64] }]],
    };
    const paths = ['$.images[*]', '$..url', '$.image', '$..art[*]'];
    for (const chunk of [1, 7, 100, 1e6]) {
      const value = (await tapped(JSON.stringify(document), { keys: [], paths, chunk })) as typeof document;
      for (const media of [value.images[0], value.data[0]?.url, value.data[2]?.image_url?.url, value.image, value.deep[0]?.[0]?.art[0]]) {
        expect(await contentOf(media)).toEqual(picture);
      }
      expect(await contentOf(value.images[3])).toEqual(Buffer.from(jpeg, 'base64'));
      expect([value.images[1], value.images[2], value.data[1]?.url, value.data[2]?.key]).toEqual([
        'https://x.test/1',
        '',
        'v1/images/5/content',
        base64,
      ]);
    }
    expect(() => mediaPlaces({ media: [{ path: 'images' }] })).toThrow('$.images[*]');
  });

  it('leaves no temporary file behind when a body is cut short, too large or broken', async () => {
    const long = Buffer.alloc(300_000, 1).toString('base64');
    await expect(tapped(`{"b64":"${long}`, { chunk: 65_536 })).rejects.toThrow('cut short');
    await expect(tapped(`{"b64":"${long}"}`, { chunk: 65_536, maxBytes: 200_000 })).rejects.toMatchObject({ code: 'body_too_large' });
    expect(await tapped(`{"b64":"${long}*"}`, { chunk: 65_536 })).toMatchObject({ b64: { kind: 'litegen.unreadable-media' } });
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it('caps what is not media, in length and in depth', async () => {
    const media = picture.toString('base64').repeat(50);
    await expect(tapped(JSON.stringify({ a: 'x'.repeat(5000) }), { maxTextBytes: 4000 })).rejects.toThrow('exceeds 4000 bytes');
    expect(await tapped(JSON.stringify({ b64: media.replace(/=/g, '') }), { maxTextBytes: 400 })).toMatchObject({ b64: {} });
    await expect(tapped(`${'['.repeat(300)}${']'.repeat(300)}`)).rejects.toThrow('256 levels');
  });
});
