import { describe, expect, it } from 'vitest';
import { type CapacityCount, type CapacityLimit, capacityError, judge } from './capacity.policy.js';

const KEY: CapacityLimit = { scope: 'key', id: 'key', maxInFlight: 2, maxQueued: 3 };
const NOTHING: CapacityCount = { inFlight: 0, queued: 0, called: 0 };
const MODEL: CapacityLimit = { scope: 'model', id: 'mock/clip', maxInFlight: 4 };

function verdict(counts: Record<string, Partial<CapacityCount>>, wants = { start: true, queue: false }, limits = [KEY, MODEL]) {
  return judge(limits, ({ scope }) => ({ ...NOTHING, ...counts[scope] }), wants);
}

describe('judge', () => {
  it('starts what has room everywhere', () => {
    expect(verdict({})).toEqual({ kind: 'start' });
    expect(verdict({ key: { inFlight: 1, queued: 0 }, model: { inFlight: 3, queued: 0 } })).toEqual({ kind: 'start' });
  });

  it('refuses what has no room and cannot wait, and names the limit', () => {
    expect(verdict({ key: { inFlight: 2, queued: 0 } })).toEqual({ kind: 'refuse', refusal: { limit: KEY, what: 'in_flight' } });
    expect(verdict({ model: { inFlight: 4, queued: 0 } })).toEqual({ kind: 'refuse', refusal: { limit: MODEL, what: 'in_flight' } });
  });

  it('lets nobody overtake those whose turn has come', () => {
    expect(verdict({ key: { inFlight: 1, queued: 1, called: 1 } }).kind).toBe('refuse');
    expect(verdict({ key: { inFlight: 1, queued: 1, called: 1 } }, { start: true, queue: true })).toEqual({ kind: 'queue', waitsFor: KEY });
  });

  it('lets those who wait for another limit stand in nobody’s way', () => {
    expect(verdict({ key: { inFlight: 1, queued: 100 } })).toEqual({ kind: 'start' });
  });

  it('queues what may wait until the queue is full', () => {
    const may = { start: true, queue: true };
    expect(verdict({ key: { inFlight: 2, queued: 2 } }, may)).toEqual({ kind: 'queue', waitsFor: KEY });
    expect(verdict({ key: { inFlight: 2, queued: 3 } }, may)).toEqual({ kind: 'refuse', refusal: { limit: KEY, what: 'queued' } });
    // A queue without a bound is never full.
    expect(verdict({ model: { inFlight: 4, queued: 1_000_000 } }, may)).toEqual({ kind: 'queue', waitsFor: MODEL });
  });

  it('queues what no process can start, although there is room', () => {
    expect(verdict({}, { start: false, queue: true })).toEqual({ kind: 'queue' });
  });
});

describe('capacityError', () => {
  it('is 429 for a limit of the caller and 503 for one of the gateway', () => {
    expect(capacityError({ limit: KEY, what: 'in_flight' })).toMatchObject({
      code: 'concurrency_limit_exceeded',
      details: { retryAfterSeconds: 2 },
    });
    expect(capacityError({ limit: MODEL, what: 'in_flight' })).toMatchObject({ code: 'over_capacity', details: { model: 'mock/clip' } });
  });
});
