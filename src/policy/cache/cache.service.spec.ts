import { describe, expect, it } from 'vitest';
import { cacheKeyOf, decideCaching, readCacheDirectives } from './cache.service.js';
import type { CacheSubject } from './cache.types.js';

describe('readCacheDirectives', () => {
  it.each([
    [{}, { noStore: false }],
    [{ 'x-litegen-cache-ttl': ' 60 ' }, { noStore: false, ttlSeconds: 60 }],
    [{ 'x-litegen-cache-ttl': '0' }, { noStore: false, ttlSeconds: 0 }],
    [{ 'cache-control': 'no-store' }, { noStore: true }],
    [{ 'cache-control': 'No-Cache, no-transform' }, { noStore: false, maxAgeSeconds: 0 }],
    [{ 'cache-control': 'max-age="30"' }, { noStore: false, maxAgeSeconds: 30 }],
    [{ 'cache-control': 'max-age=30, no-cache' }, { noStore: false, maxAgeSeconds: 0 }],
    [{ 'cache-control': 'max-age=soon, s-maxage=3' }, { noStore: false }],
    [{ 'cache-control': ['no-store', 'max-age=1'] }, { noStore: true, maxAgeSeconds: 1 }],
  ])('%j', (headers, directives) => {
    expect(readCacheDirectives(headers)).toEqual(directives);
  });

  it.each(['', 'yes', '-1', '1e3', '2592001'])('refuses %j', (ttl) => {
    expect(() => readCacheDirectives({ 'x-litegen-cache-ttl': ttl })).toThrow(
      expect.objectContaining({ code: 'param_out_of_range', details: expect.objectContaining({ param: 'x-litegen-cache-ttl' }) }),
    );
  });
});

describe('decideCaching', () => {
  const rules = { enabled: true, defaultTtlSeconds: 100, forModel: false };

  it.each([
    ['nobody asks', {}, {}, 'off'],
    ['the model', {}, { forModel: true }, [100, 100]],
    ['the key before the model', {}, { forModel: true, keyTtlSeconds: 20 }, [20, 20]],
    ['a key that never does', {}, { forModel: true, keyTtlSeconds: 0 }, 'bypass'],
    ['the request before the key', { ttlSeconds: 5 }, { keyTtlSeconds: 0 }, [5, 5]],
    ['a request that does not', { ttlSeconds: 0 }, { forModel: true }, 'bypass'],
    ['no-store', { noStore: true, ttlSeconds: 5 }, {}, 'bypass'],
    ['no-store alone', { noStore: true }, {}, 'off'],
    ['max-age', { ttlSeconds: 50, maxAgeSeconds: 10 }, {}, [50, 10]],
    ['max-age beyond the time', { ttlSeconds: 50, maxAgeSeconds: 900 }, {}, [50, 50]],
    ['no-cache', { ttlSeconds: 50, maxAgeSeconds: 0 }, {}, [50, 0]],
    ['a gateway without one', { ttlSeconds: 5, noStore: true }, { enabled: false, forModel: true }, 'off'],
  ] as const)('%s', (_name, directives, change, expected) => {
    const decision = decideCaching({ noStore: false, ...directives }, { ...rules, ...change });
    expect(decision).toEqual(
      typeof expected === 'string' ? { kind: expected } : { kind: 'use', ttlMs: expected[0] * 1000, maxAgeMs: expected[1] * 1000 },
    );
  });
});

describe('cacheKeyOf', () => {
  const subject: CacheSubject = {
    orgId: 'o',
    appId: 'a',
    operation: 'image.generate',
    model: 'm',
    prompt: 'p',
    n: 1,
    params: { size: { width: 1, height: 2 }, quality: 'low' },
    extra: { list: [1, 2], deep: { x: 1, y: 2 } },
    references: [{ role: 'init', sha256: 'f' }],
  };

  it('does not depend on the order of keys', () => {
    const turned = { ...subject, params: { quality: 'low', size: { height: 2, width: 1 } }, extra: { deep: { y: 2, x: 1 }, list: [1, 2] } };
    expect(cacheKeyOf(turned)).toBe(cacheKeyOf(subject));
    expect(cacheKeyOf(subject)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('differs by everything else', () => {
    const others: Partial<CacheSubject>[] = [
      { orgId: 'x' },
      { appId: 'x' },
      { orgId: 'a', appId: 'o' },
      { operation: 'image.edit' },
      { model: 'x' },
      { prompt: 'P' },
      { n: 2 },
      { params: {} },
      { params: { ...subject.params, seed: 0 } },
      { extra: { list: [2, 1], deep: { x: 1, y: 2 } } },
      { references: [] },
      { references: [{ role: 'mask', sha256: 'f' }] },
      { references: [{ role: 'init', sha256: 'e' }] },
      { references: [...subject.references, ...subject.references] },
    ];
    const keys = [{}, ...others].map((change) => cacheKeyOf({ ...subject, ...change }));
    expect(new Set(keys).size).toBe(keys.length);
  });
});
