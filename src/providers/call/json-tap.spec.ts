import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../config/index.js';
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
  readonly maxBytes?: number;
  readonly maxTextBytes?: number;
  /** Length of the chunks in which the text arrives. */
  readonly chunk?: number;
}

async function tapped(text: string, { keys = ['b64'], maxBytes = 1e6, maxTextBytes, chunk = 1 << 30 }: TapSettings = {}): Promise<unknown> {
  const tap = new JsonTap({ base64Keys: new Set(keys), openWriter: () => store.createWriter(maxBytes), maxTextBytes });
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
      bytes: fc.uint8Array({ minLength: 1, maxLength: 90 }),
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
    '',
    '   ',
    'A',
    'AAAAA',
    'AAAA=',
    'AA=',
    'AA=A',
    'AA===',
    '=',
    'A===',
    'AA*A',
    'https://x.test/a.png',
    'é',
    'AA\\"A',
    'AA\\',
    'AA\\q',
    'AAA\\u0141',
    'data:image/png,abc',
    'data:',
    'data',
  ])('refuses %j as base64, or as JSON', async (base64) => {
    for (const chunk of [1, 2, 3, 1000]) {
      // `data` alone is four letters of base64, and nothing of a data URL.
      if (base64 === 'data')
        expect(await contentOf(((await tapped(`{"b64":"${base64}"}`, { chunk })) as { b64: unknown }).b64)).toHaveLength(3);
      else await expect(tapped(`{"b64":"${base64}"}`, { chunk }), `${chunk}`).rejects.toThrow(/base64|empty|JSON|cut short/);
    }
  });

  it('leaves no temporary file behind when a body is cut short, too large or broken', async () => {
    const long = Buffer.alloc(300_000, 1).toString('base64');
    await expect(tapped(`{"b64":"${long}`, { chunk: 65_536 })).rejects.toThrow('cut short');
    await expect(tapped(`{"b64":"${long}"}`, { chunk: 65_536, maxBytes: 200_000 })).rejects.toMatchObject({ code: 'body_too_large' });
    await expect(tapped(`{"b64":"${long}*"}`, { chunk: 65_536 })).rejects.toThrow('base64');
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it('caps what is not media, in length and in depth', async () => {
    const media = picture.toString('base64').repeat(50);
    await expect(tapped(JSON.stringify({ a: 'x'.repeat(5000) }), { maxTextBytes: 4000 })).rejects.toThrow('exceeds 4000 bytes');
    expect(await tapped(JSON.stringify({ b64: media.replace(/=/g, '') }), { maxTextBytes: 400 })).toMatchObject({ b64: {} });
    await expect(tapped(`${'['.repeat(300)}${']'.repeat(300)}`)).rejects.toThrow('256 levels');
  });
});
