import { describe, expect, it } from 'vitest';
import { canonicalJson } from './json-text.js';

describe('canonicalJson', () => {
  it('gives equal values equal text, whatever the order of their keys', () => {
    const text = canonicalJson({ b: [1, { d: null, c: 'x"y' }], a: { z: true, absent: undefined, 10: 1, 9: 2 } });
    expect(text).toBe('{"a":{"10":1,"9":2,"z":true},"b":[1,{"c":"x\\"y","d":null}]}');
    expect(canonicalJson({ a: { 9: 2, z: true, 10: 1 }, b: [1, { c: 'x"y', d: null }] })).toBe(text);
    expect(JSON.parse(text)).toEqual({ a: { 9: 2, 10: 1, z: true }, b: [1, { c: 'x"y', d: null }] });
  });

  it('tells different values apart', () => {
    const values = [
      {},
      [],
      '',
      null,
      0,
      '0',
      [0],
      [[0]],
      { a: 0 },
      { a: '0' },
      { a: [undefined] },
      { a: {} },
      JSON.parse('{"__proto__":{"a":1}}'),
    ];
    expect(new Set(values.map(canonicalJson)).size).toBe(values.length);
  });
});
