import { describe, expect, it } from 'vitest';
import { DeliverySlots } from './delivery-slots.js';

const SETTINGS = { endpoint_concurrency: 2, max_concurrent_deliveries: 3, breaker_failures: 5 };

function slotsWith(...items: readonly string[]): DeliverySlots<string> {
  const slots = new DeliverySlots<string>(SETTINGS);
  for (const item of items) {
    slots.lease(item.charAt(0), false);
    slots.enter(item.charAt(0), item);
  }
  return slots;
}

function all(slots: DeliverySlots<string>): string[] {
  const taken: string[] = [];
  for (let next = slots.next(); next !== undefined; next = slots.next()) taken.push(next);
  return taken;
}

const counts = (slots: DeliverySlots<string>) => Object.fromEntries([...slots.leased].map(([id, { count }]) => [id, count]));

describe('slots', () => {
  it('are given in turn, as many as an endpoint and the process have', () => {
    const slots = slotsWith('a1', 'a2', 'a3', 'b1', 'b2');
    expect(all(slots)).toEqual(['a1', 'b1', 'a2']);
    slots.leave('b');
    expect(all(slots)).toEqual(['b2']);
    slots.leave('b');
    // The process has room again, the endpoint has none.
    expect(all(slots)).toEqual([]);
    slots.leave('a');
    expect(all(slots)).toEqual(['a3']);
    expect(counts(slots)).toEqual({ a: 2 });
  });

  it('are not taken by leases under which nothing was begun', () => {
    const slots = slotsWith('a1', 'a2', 'a3', 'a4');
    slots.lease('a', false);
    slots.release('a');
    expect(all(slots)).toEqual(['a1', 'a2']);
    expect(slots.clear('a')).toEqual(['a3', 'a4']);
    expect(counts(slots)).toEqual({ a: 2 });
    slots.leave('a');
    slots.leave('a');
    expect(all(slots)).toEqual([]);
    expect(counts(slots)).toEqual({});
    expect(slots.clear('a')).toEqual([]);
  });

  it('are asked for no more by what was taken back', () => {
    const slots = slotsWith('a1', 'b1', 'b2', 'a2');
    expect(slots.clearAll().sort()).toEqual(['a1', 'a2', 'b1', 'b2']);
    expect(all(slots)).toEqual([]);
    expect(counts(slots)).toEqual({});
  });
});
