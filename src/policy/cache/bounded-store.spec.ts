import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedStore } from './bounded-store.js';

describe('BoundedStore', () => {
  it('forgets what was not used for longest', () => {
    const store = new BoundedStore(2, 1000);
    store.set('a', '1');
    store.set('b', '2');
    expect(store.get('a')).toBe('1');
    store.set('c', '3');
    expect(['a', 'b', 'c'].map((key) => store.get(key))).toEqual(['1', undefined, '3']);
  });

  it('keeps within its bytes, and nothing that alone is more', () => {
    const store = new BoundedStore(100, 100);
    store.set('a', 'x'.repeat(20));
    store.set('b', 'x'.repeat(20));
    store.set('c', 'x'.repeat(20));
    expect([store.size, store.bytes, store.get('a')]).toEqual([2, 84, undefined]);
    store.set('b', 'x'.repeat(50));
    expect([store.get('b'), store.get('c')]).toEqual([undefined, 'x'.repeat(20)]);
  });

  it('never holds more than it may, whatever is done', () => {
    const step = fc.tuple(
      fc.constantFrom('get', 'set', 'delete'),
      fc.constantFrom('a', 'bb', 'ccc', 'd', 'e'),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 60 }),
        (steps, items, bytes) => {
          const store = new BoundedStore(items, bytes);
          for (const [action, key, value] of steps) {
            if (action === 'set') store.set(key, value);
            else store[action as 'get' | 'delete'](key);
            expect(store.size).toBeLessThanOrEqual(items);
            expect(store.bytes).toBeLessThanOrEqual(bytes);
          }
          store.clear();
          expect([store.size, store.bytes]).toEqual([0, 0]);
        },
      ),
    );
  });
});
