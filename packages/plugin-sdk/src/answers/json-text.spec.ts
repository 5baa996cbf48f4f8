import { describe, expect, it } from 'vitest';
import { parseJson } from './json-text.js';

describe('parseJson', () => {
  it('passes a byte-order mark over', () => {
    expect(parseJson('\uFEFF{"a":1}')).toEqual({ a: 1 });
    expect(() => parseJson('\uFEFF\uFEFF{}')).toThrow(SyntaxError);
    expect(() => parseJson('<html>')).toThrow(SyntaxError);
  });

  it('keeps integers under the keys that are named as text, to their last digit', () => {
    const json =
      '{"id":9007199254740993,"n":7,"data":[{"id" : -12 },{"id":"word"},{"id":1.5},{"id":1e3}],"note":"\\"id\\":5, \\\\","id2":3}';
    expect(parseJson(json, ['id'])).toEqual({
      id: '9007199254740993',
      n: 7,
      data: [{ id: '-12' }, { id: 'word' }, { id: 1.5 }, { id: 1000 }],
      note: '"id":5, \\',
      id2: 3,
    });
  });

  it.each([
    ['escaped quotes', '\\"'.repeat(2_000_000)],
    ['backslashes', '\\\\'.repeat(2_000_000)],
    ['text', 'x'.repeat(4_000_000)],
  ])('reads a long string of %s', (_what, content) => {
    expect(parseJson(`{"a":"${content}","id":5}`, ['id'])).toMatchObject({ id: '5' });
  });
});
