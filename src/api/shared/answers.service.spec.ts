import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentLengthOf, encodeBase64, encodePieces, FileText, jsonPieces } from './answers.service.js';

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* cut(data: Buffer, lengths: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const length of lengths) {
    yield data.subarray(at, at + length);
    at += length;
  }
  yield data.subarray(at);
}

describe('encodeBase64', () => {
  it('gives the same text however the file is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(9), { maxLength: 12 }), async (bytes, lengths) => {
        const data = Buffer.from(bytes);
        const text = await collect(encodeBase64(cut(data, lengths), data.length));
        expect(text.toString()).toBe(data.toString('base64'));
      }),
      { numRuns: 200 },
    );
  });

  it('yields a large chunk in slices', async () => {
    const data = randomBytes(1_000_001);
    const chunks: Buffer[] = [];
    for await (const chunk of encodeBase64(cut(data, []), data.length)) chunks.push(chunk);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(131_072);
    expect(Buffer.concat(chunks).toString()).toBe(data.toString('base64'));
  });

  it('fails for a file that is not as long as it was', async () => {
    await expect(collect(encodeBase64(cut(Buffer.from('abc'), []), 4))).rejects.toThrow('3 bytes instead of 4');
  });
});

describe('jsonPieces', () => {
  it('writes the same JSON as with the text in place, with its exact length', async () => {
    const files = new Map([
      ['one', randomBytes(5)],
      ['two', randomBytes(300_000)],
      ['none', Buffer.alloc(0)],
    ]);
    const open = (name: string) => cut(files.get(name) as Buffer, [1, 2]);
    const build = (text: (name: string) => unknown) => ({
      title: 'größe "x" 0;',
      data: ['one', 'two', 'none'].map((name) => ({ b64_json: text(name) })),
      last: null,
    });
    const pieces = jsonPieces(build((name) => new FileText(name, (files.get(name) as Buffer).length)));
    const body = await collect(encodePieces(pieces, open));
    expect(body.toString()).toBe(JSON.stringify(build((name) => (files.get(name) as Buffer).toString('base64'))));
    expect(contentLengthOf(pieces)).toBe(body.length);
  });

  it('leaves a value without files in one piece', () => {
    expect(jsonPieces({ a: [1, 'x'] })).toEqual(['{"a":[1,"x"]}']);
  });
});
