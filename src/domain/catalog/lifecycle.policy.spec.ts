import { describe, expect, it } from 'vitest';
import { isDeprecated, isSunset, lifecycleHeaders, modelPath } from './lifecycle.policy.js';

const model = {
  id: 'acme/old:v1',
  lifecycle: {
    released: '2025-01-01',
    deprecated: '2026-09-01',
    sunset: '2026-12-01',
    successor: 'acme/new:v2',
    source: 'https://acme.test/end',
  },
};

describe('lifecycleHeaders', () => {
  it('announces the end as RFC 9745 and RFC 8594 say', () => {
    expect(lifecycleHeaders(model, new Date('2026-11-20T00:00:00Z'))).toEqual({
      Deprecation: '@1788220800',
      Sunset: 'Tue, 01 Dec 2026 00:00:00 GMT',
      Link: '</v1/models/acme/new%3Av2>; rel="successor-version", <https://acme.test/end>; rel="deprecation"; type="text/html"',
      'X-Litegen-Successor': 'acme/new:v2',
    });
  });

  it('tells the sunset as soon as it is known, the deprecation from its day on', () => {
    const before = lifecycleHeaders(model, new Date('2026-08-31T23:59:59Z'));
    expect(before.Deprecation).toBeUndefined();
    expect(before.Sunset).toBe('Tue, 01 Dec 2026 00:00:00 GMT');
    expect(before.Link).toContain('rel="sunset"');
  });

  it('says nothing about a model without an end', () => {
    expect(lifecycleHeaders({ id: 'a/b' }, new Date())).toEqual({});
    expect(lifecycleHeaders({ id: 'a/b', lifecycle: { released: '2026-01-01', source: 'https://a.test' } }, new Date())).toEqual({});
  });

  it.each(['https://a.test/>; rel="x', 'https://a.test/\r\nX: y', 'javascript:alert(1)'])('leaves out the source %j', (source) => {
    const headers = lifecycleHeaders({ id: 'a/b', lifecycle: { sunset: '2026-12-01', source } }, new Date('2026-11-20'));
    expect(headers).toEqual({ Sunset: 'Tue, 01 Dec 2026 00:00:00 GMT' });
  });
});

it('a day begins at 00:00 UTC', () => {
  expect(isSunset(model, new Date('2026-11-30T23:59:59.999Z'))).toBe(false);
  expect(isSunset(model, new Date('2026-12-01T00:00:00Z'))).toBe(true);
  expect(isDeprecated(model, new Date('2026-09-01T00:00:00Z'))).toBe(true);
  expect(modelPath('a/b c')).toBe('/v1/models/a/b%20c');
});
