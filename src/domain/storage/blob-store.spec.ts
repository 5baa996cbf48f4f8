import { describe, expect, it } from 'vitest';
import { RecentFiles } from './blob-store.js';

describe('RecentFiles', () => {
  it('keeps the newest up to so many bytes in all', () => {
    const recent = new RecentFiles(10);
    for (const name of ['a', 'b', 'c']) recent.add(name, Buffer.alloc(4));
    expect(['a', 'b', 'c'].map((name) => recent.get(name)?.length)).toEqual([undefined, 4, 4]);
    recent.add('b', Buffer.alloc(5));
    recent.add('d', Buffer.alloc(4));
    expect(['b', 'c', 'd'].map((name) => recent.get(name)?.length)).toEqual([5, undefined, 4]);
    recent.add('large', Buffer.alloc(11));
    expect(['b', 'd', 'large'].map((name) => recent.get(name)?.length)).toEqual([undefined, undefined, undefined]);
    recent.add('a', Buffer.alloc(10));
    recent.delete('a');
    recent.add('b', Buffer.alloc(10));
    expect(recent.get('b')?.length).toBe(10);
  });

  it('keeps no more than so many files, and of each its own bytes alone', () => {
    const recent = new RecentFiles(1000, 2);
    const large = Buffer.alloc(100, 7);
    for (const name of ['a', 'b', 'c']) recent.add(name, large.subarray(10, 14));
    expect(['a', 'b', 'c'].map((name) => recent.get(name)?.buffer.byteLength)).toEqual([undefined, 4, 4]);
    expect(recent.get('c')).toEqual(Buffer.alloc(4, 7));
  });
});
