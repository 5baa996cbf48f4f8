import { describe, expect, it } from 'vitest';
import { busyEndpoints, grantSlots, hasSlot, LEASED_PER_SLOT, type Leased } from './slots.policy.js';

const SETTINGS = { endpoint_concurrency: 4, max_concurrent_deliveries: 10, breaker_failures: 5 };
const AT_ENDPOINT = 4 * LEASED_PER_SLOT;
const IN_PROCESS = 10 * LEASED_PER_SLOT;
const NOTHING: Leased = new Map();

function due(id: string, consecutiveFailures = 0) {
  return { id, consecutiveFailures };
}

describe('leases', () => {
  it('are bounded for each endpoint and for the process', () => {
    const granted = grantSlots(SETTINGS, [due('a'), due('b'), due('c'), due('d')], NOTHING);
    expect(granted.map(({ endpointId, limit }) => [endpointId, limit])).toEqual([
      ['a', AT_ENDPOINT],
      ['b', AT_ENDPOINT],
      ['c', IN_PROCESS - 2 * AT_ENDPOINT],
    ]);
    const leased: Leased = new Map([['a', { count: AT_ENDPOINT - 1, failing: false }]]);
    expect(grantSlots(SETTINGS, [due('a')], leased)).toEqual([{ endpointId: 'a', limit: 1, probe: false }]);
  });

  it('are one at a time for an endpoint that fails, and asked for once its breaker is open', () => {
    expect(grantSlots(SETTINGS, [due('a', 1), due('b', 5)], NOTHING)).toEqual([
      { endpointId: 'a', limit: 1, probe: false },
      { endpointId: 'b', limit: 1, probe: true },
    ]);
    expect(grantSlots(SETTINGS, [due('a', 1)], new Map([['a', { count: 1, failing: true }]]))).toEqual([]);
  });

  it('never let failing endpoints have more than half of the slots', () => {
    const failing = Array.from({ length: 20 }, (_unused, index) => due(`f${index}`, 9));
    expect(grantSlots(SETTINGS, failing, NOTHING)).toHaveLength(5);
    const full: Leased = new Map(failing.slice(0, 5).map(({ id }) => [id, { count: 1, failing: true }]));
    expect(grantSlots(SETTINGS, [...failing, due('well')], full)).toEqual([{ endpointId: 'well', limit: AT_ENDPOINT, probe: false }]);
  });

  it('are there at once only for an endpoint that works and has room', () => {
    expect(hasSlot(SETTINGS, due('a'), NOTHING)).toBe(true);
    expect(hasSlot(SETTINGS, due('a', 1), NOTHING)).toBe(false);
    expect(hasSlot(SETTINGS, due('a'), new Map([['a', { count: AT_ENDPOINT, failing: false }]]))).toBe(false);
    expect(hasSlot(SETTINGS, due('a'), new Map([['b', { count: IN_PROCESS, failing: false }]]))).toBe(false);
  });

  it('tell which endpoints can be given nothing more', () => {
    const leased: Leased = new Map([
      ['full', { count: AT_ENDPOINT, failing: false }],
      ['some', { count: 1, failing: false }],
      ['probed', { count: 1, failing: true }],
    ]);
    expect(busyEndpoints(SETTINGS, leased)).toEqual(['full', 'probed']);
  });
});
