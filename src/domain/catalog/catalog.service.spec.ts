import { describe, expect, it } from 'vitest';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CatalogService, isDeprecated, isSunset, lifecycleHeaders, modelPath } from './catalog.service.js';
import { testModel } from './testdata/test-model.js';

class FixedClock extends Clock {
  constructor(private readonly day: string) {
    super();
  }
  override now(): Date {
    return new Date(`${this.day}T12:00:00Z`);
  }
}

const MODELS = [
  testModel({ id: 'acme/flux', provider: 'acme', aliases: ['flux-latest'] }),
  testModel({ id: 'acme/old', lifecycle: { sunset: '2026-06-01', successor: 'acme/flux' } }),
  testModel({ id: 'acme/paint-1', aliases: ['paint'] }),
  testModel({ id: 'brush/flux', provider: 'brush' }),
  testModel({ id: 'brush/old', provider: 'brush' }),
  testModel({ id: 'brush/Solo', provider: 'brush' }),
];

const ALIASES = new Map([
  ['house', 'acme/paint-1'],
  ['gone', 'acme/nothing'],
  ['flux-latest', 'brush/flux'],
]);

function catalog(day = '2026-11-20', retiredModels?: 'alias' | 'refuse', models = MODELS): CatalogService {
  return new CatalogService({ models, aliases: ALIASES, rejections: [], warnings: [] }, new FixedClock(day), retiredModels);
}

function failure(action: () => unknown): ApiError {
  try {
    action();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const BOTH = { providers: new Set(['acme', 'brush']) };
const ACME = { providers: new Set(['acme']) };

describe('for a caller who may not use all models', () => {
  const options = { ...BOTH, mayUse: (id: string) => id === 'brush/flux' || id === 'acme/paint-1' };

  it('a name means the one that may be used', () => {
    expect(catalog().resolve('flux', options).model.id).toBe('brush/flux');
  });

  it('suggestions and what followed a model are of those alone', () => {
    expect(failure(() => catalog().resolve('brush/flx', options)).details.accepted).toEqual(['brush/flux']);
    expect(failure(() => catalog().resolve('acme/flx', options)).details.accepted ?? []).not.toContain('acme/flux');
    expect(failure(() => catalog().resolve('Sol', options)).details.accepted).toBeUndefined();
    expect(failure(() => catalog().resolve('gon', options)).details.accepted).toBeUndefined();
    expect(catalog().resolve('acme/old', options).model.id).toBe('acme/old');
    const seen = failure(() => catalog().resolve('acme/old', { ...BOTH, mayUse: (id) => id === 'acme/old' }));
    expect([seen.code, seen.details.accepted]).toEqual(['model_sunset', undefined]);
  });

  it('one that is named is found all the same, to be refused by its name', () => {
    expect(catalog().resolve('acme/flux', options).model.id).toBe('acme/flux');
    expect(catalog().resolve('Solo', options).model.id).toBe('brush/Solo');
  });
});

describe('resolve', () => {
  it.each([
    ['acme/flux', BOTH, 'acme/flux', 'id'],
    ['brush/flux', ACME, 'brush/flux', 'id'],
    ['house', BOTH, 'acme/paint-1', 'alias'],
    ['paint', BOTH, 'acme/paint-1', 'alias'],
    ['paint-1', BOTH, 'acme/paint-1', 'name'],
    ['flux', ACME, 'acme/flux', 'name'],
    ['flux-latest', BOTH, 'brush/flux', 'alias'],
    ['Solo', ACME, 'brush/Solo', 'name'],
    ['old', BOTH, 'brush/old', 'name'],
  ] as const)('%s', (name, options, id, via) => {
    expect(catalog().resolve(name, options)).toMatchObject({ model: { id }, requested: name, via });
  });

  it('takes the maker of a name that several offer, then the first provider', () => {
    const resold = [
      testModel({ id: 'acme/gpt-image', provider: 'acme', owned_by: 'openai' }),
      testModel({ id: 'openai/gpt-image', provider: 'openai' }),
      testModel({ id: 'acme/flux', provider: 'acme', owned_by: 'bfl' }),
      testModel({ id: 'brush/flux', provider: 'brush', owned_by: 'bfl' }),
    ];
    const service = new CatalogService({ models: resold, aliases: new Map(), rejections: [], warnings: [] }, new FixedClock('2026-11-20'));
    const meant = (name: string, ...providers: string[]) => service.resolve(name, { providers: new Set(providers) }).model.id;
    expect(meant('gpt-image', 'acme', 'openai')).toBe('openai/gpt-image');
    expect(meant('gpt-image', 'acme')).toBe('acme/gpt-image');
    expect(meant('flux', 'acme', 'brush')).toBe('acme/flux');
    expect(meant('flux', 'brush', 'acme')).toBe('brush/flux');
    expect(meant('flux')).toBe('acme/flux');
  });

  it.each([
    ['acme/flx', ['acme/flux']],
    ['ACME/FLUX', ['acme/flux']],
    ['solo', ['brush/Solo']],
    ['pain', ['acme/paint-1']],
  ])('answers %s with what may be meant', (name, accepted) => {
    const error = failure(() => catalog().resolve(name, BOTH));
    expect(error.code).toBe('model_not_found');
    expect(error.details.accepted?.slice(0, accepted.length)).toEqual(accepted);
    expect(error.message).toContain(`Did you mean ${accepted[0]}`);
  });

  it('suggests only what the caller can use', () => {
    expect(failure(() => catalog().resolve('brush/flx', ACME)).details.accepted ?? []).not.toContain('brush/flux');
  });

  it('says where the list is when nothing is near', () => {
    const error = failure(() => catalog().resolve('zzzzzzzz', BOTH));
    expect(error.message).toBe('There is no model zzzzzzzz. GET /v1/models lists them.');
    expect(error.details.accepted).toBeUndefined();
  });

  it('does not find an alias that leads nowhere, nor an empty name', () => {
    expect(failure(() => catalog().resolve('gone', BOTH)).code).toBe('model_not_found');
    expect(failure(() => catalog().resolve('', BOTH)).code).toBe('model_required');
  });

  it('takes the successor from the day on which a model is switched off', () => {
    const before = catalog('2026-05-31').resolve('acme/old', BOTH);
    expect([before.model.id, before.retired]).toEqual(['acme/old', undefined]);
    const after = catalog('2026-06-01').resolve('acme/old', BOTH);
    expect([after.model.id, after.retired?.id, after.requested]).toEqual(['acme/flux', 'acme/old', 'acme/old']);
    expect(catalog().named('acme/old', BOTH).model.id).toBe('acme/old');
    expect(failure(() => catalog().resolve('acme/old', { ...BOTH, mayUse: (id) => id === 'acme/old' })).code).toBe('model_sunset');
  });

  it('takes a successor that can be called before a model of the same name that cannot', () => {
    const models = [
      testModel({ id: 'acme/next', provider: 'acme' }),
      testModel({ id: 'acme/paint', provider: 'acme', lifecycle: { sunset: '2026-06-01', successor: 'acme/next' } }),
      testModel({ id: 'brush/paint', provider: 'brush', owned_by: 'acme' }),
    ];
    const meant = (options: { providers: Set<string>; mayUse?: (id: string) => boolean }, how?: 'alias' | 'refuse') =>
      catalog('2026-11-20', how, models).resolve('paint', options).model.id;
    expect(meant(ACME)).toBe('acme/next');
    expect(meant(BOTH)).toBe('brush/paint');
    expect(meant({ ...BOTH, mayUse: (id) => id === 'acme/next' })).toBe('acme/next');
    expect(meant(ACME, 'refuse')).toBe('brush/paint');
  });

  it('refuses a model from the day it is switched off, naming its successor, where that is wanted', () => {
    expect(catalog('2026-05-31', 'refuse').resolve('acme/old', BOTH).model.id).toBe('acme/old');
    const error = failure(() => catalog('2026-06-01', 'refuse').resolve('acme/old', BOTH));
    expect(error.code).toBe('model_sunset');
    expect(error.message).toBe('acme/old was switched off on 2026-06-01. Use acme/flux.');
    expect(error.details.accepted).toEqual(['acme/flux']);
  });
});

describe('get', () => {
  it('finds by id only', () => {
    expect(catalog().get('acme/flux').id).toBe('acme/flux');
    expect(catalog().find('flux')).toBeUndefined();
    expect(failure(() => catalog().get('flux')).code).toBe('model_not_found');
  });
});

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
