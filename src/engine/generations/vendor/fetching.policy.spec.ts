import { ProviderError } from '@litegen/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { OutputFailure } from '../../../domain/providers/index.js';
import { lostOutputs, mayFetchAgain } from './fetching.policy.js';

const failure = (retry: OutputFailure['retry'], message = 'gone') =>
  new OutputFailure(new ProviderError('output_expired', message, { charged: 'yes' }), retry);
const situation = { fetches: 1, graceMs: 60_000, isRepeatable: true, isOver: false };

describe('fetching a file again', () => {
  it('goes on while a host may not be ready, for about as long as the operator says', () => {
    const rounds = Array.from({ length: 12 }, (_one, index) => index + 1);
    expect(rounds.filter((fetches) => mayFetchAgain([failure('briefly')], { ...situation, fetches }))).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(rounds.filter((fetches) => mayFetchAgain([failure('briefly')], { ...situation, fetches, graceMs: 1 }))).toEqual([]);
  });

  it('goes on until the deadline while a host is down', () => {
    expect(mayFetchAgain([failure('never'), failure('until_deadline')], { ...situation, fetches: 500 })).toBe(true);
    expect(mayFetchAgain([failure('until_deadline')], { ...situation, isOver: true })).toBe(false);
    expect(mayFetchAgain([failure('until_deadline')], { ...situation, isRepeatable: false })).toBe(false);
  });

  it('does not begin where the file would be the same', () => {
    expect(mayFetchAgain([failure('never')], situation)).toBe(false);
  });
});

it('counts every output that is lost', () => {
  expect(lostOutputs([failure('never', 'a'), failure('until_deadline', 'b')], 4)).toMatchObject([
    { count: 1, message: 'a' },
    { count: 3, message: 'b' },
  ]);
});
