import { describe, expect, it } from 'vitest';
import { busyEndpoints, grantSlots, hasSlot, type InFlight } from './slots.policy.js';

const SETTINGS = { endpoint_concurrency: 4, max_concurrent_deliveries: 10, breaker_failures: 5 };
const NOTHING: InFlight = new Map();

function due(id: string, consecutiveFailures = 0) {
  return { id, consecutiveFailures };
}

describe('slots', () => {
  it('are bounded for each endpoint and for the process', () => {
    const granted = grantSlots(SETTINGS, [due('a'), due('b'), due('c'), due('d')], NOTHING);
    expect(granted.map(({ endpointId, limit }) => [endpointId, limit])).toEqual([
      ['a', 4],
      ['b', 4],
      ['c', 2],
    ]);
    const running: InFlight = new Map([['a', { count: 3, failing: false }]]);
    expect(grantSlots(SETTINGS, [due('a')], running)).toEqual([{ endpointId: 'a', limit: 1, probe: false }]);
  });

  it('are one at a time for an endpoint that fails, and asked for once its breaker is open', () => {
    expect(grantSlots(SETTINGS, [due('a', 1), due('b', 5)], NOTHING)).toEqual([
      { endpointId: 'a', limit: 1, probe: false },
      { endpointId: 'b', limit: 1, probe: true },
    ]);
    expect(grantSlots(SETTINGS, [due('a', 1)], new Map([['a', { count: 1, failing: true }]]))).toEqual([]);
  });

  it('never go to failing endpoints by more than half', () => {
    const failing = Array.from({ length: 20 }, (_unused, index) => due(`f${index}`, 9));
    expect(grantSlots(SETTINGS, failing, NOTHING)).toHaveLength(5);
    const full: InFlight = new Map(failing.slice(0, 5).map(({ id }) => [id, { count: 1, failing: true }]));
    expect(grantSlots(SETTINGS, [...failing, due('well')], full)).toEqual([{ endpointId: 'well', limit: 4, probe: false }]);
  });

  it('are there at once only for an endpoint that works and has room', () => {
    expect(hasSlot(SETTINGS, due('a'), NOTHING)).toBe(true);
    expect(hasSlot(SETTINGS, due('a', 1), NOTHING)).toBe(false);
    expect(hasSlot(SETTINGS, due('a'), new Map([['a', { count: 4, failing: false }]]))).toBe(false);
    expect(hasSlot(SETTINGS, due('a'), new Map([['b', { count: 10, failing: false }]]))).toBe(false);
  });

  it('tells which endpoints can be given nothing more', () => {
    const running: InFlight = new Map([
      ['full', { count: 4, failing: false }],
      ['some', { count: 1, failing: false }],
      ['probed', { count: 1, failing: true }],
    ]);
    expect(busyEndpoints(SETTINGS, running)).toEqual(['full', 'probed']);
  });
});
