import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance, suggest } from './suggest.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['szie', 'size', 1],
    ['quailty', 'quality', 1],
  ])('%s to %s is %i', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
    expect(editDistance(to, from)).toBe(distance);
  });
});

describe('suggest', () => {
  const known = ['seed', 'size', 'style', 'steps', 'strength', 'negative_prompt'];

  it.each([
    ['Size', ['size']],
    ['szie', ['size']],
    ['negativeprompt', ['negative_prompt']],
    ['prompt', ['negative_prompt']],
    ['colour', []],
  ])('%s gives %j first', (wrong, expected) => {
    expect(suggest(wrong, known).slice(0, expected.length || 3)).toEqual(expected);
  });

  it('gives at most three, best first', () => {
    const names = suggest('paint-2', ['paint-1', 'paint-22', 'paint-2x', 'PAINT-2', 'oil']);
    expect(names).toHaveLength(3);
    expect(names[0]).toBe('PAINT-2');
  });

  it('looks at a bounded part of a long name', () => {
    expect(suggest('x'.repeat(1_000_000), known)).toEqual([]);
  });

  it('puts itself in words', () => {
    expect(didYouMean('szie', known)).toBe(' (did you mean size?)');
    expect(didYouMean('colour', known)).toBe('');
  });
});
