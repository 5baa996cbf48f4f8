import { describe, expect, it } from 'vitest';
import { longestSilenceMs } from './lease-keeper.service.js';

const generation = { createdAt: 5_000, deadlineAt: 905_000 };

describe('the longest silence of a vendor', () => {
  it.each([
    [undefined, 900_000],
    [{}, 900_000],
    [{ deadline_seconds: 900 }, 900_000],
    [{ headers_timeout_seconds: 120 }, 120_000],
  ])('of a model with limits %j is %i ms', (limits, expected) => {
    expect(longestSilenceMs(limits, generation)).toBe(expected);
  });
});
