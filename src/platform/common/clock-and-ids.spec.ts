import { afterEach, expect, it, vi } from 'vitest';
import { newId } from './clock-and-ids.js';

afterEach(() => vi.useRealTimers());

it('gives ids that lie together when they are made together, and are never the same', () => {
  vi.useFakeTimers();
  const at = (iso: string): string => {
    vi.setSystemTime(new Date(iso));
    return newId('asset');
  };
  const inOrder = ['1970-01-01T00:00:00Z', '2026-11-21T12:00:00.001Z', '2026-11-21T12:00:00.002Z', '2999-01-01T00:00:00Z'].map(at);
  expect([...inOrder].reverse().sort()).toEqual(inOrder);
  const together = Array.from({ length: 1000 }, () => newId('asset'));
  expect(new Set(together).size).toBe(1000);
  for (const id of [...inOrder, ...together]) expect(id).toMatch(/^asset-[0-9a-f]{32}$/);
});
