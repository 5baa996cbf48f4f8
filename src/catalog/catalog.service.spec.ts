import { describe, expect, it } from 'vitest';
import { ApiError, Clock } from '../common/index.js';
import { CatalogService } from './catalog.service.js';
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

function catalog(day = '2026-11-20'): CatalogService {
  return new CatalogService({ models: MODELS, aliases: ALIASES, rejections: [], warnings: [] }, new FixedClock(day));
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

  it('refuses a name of several models and lists them', () => {
    const error = failure(() => catalog().resolve('flux', BOTH));
    expect(error.code).toBe('model_ambiguous');
    expect(error.details).toMatchObject({ param: 'model', accepted: ['acme/flux', 'brush/flux'] });
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

  it('refuses a model from the day it is switched off, naming its successor', () => {
    expect(catalog('2026-05-31').resolve('acme/old', BOTH).model.id).toBe('acme/old');
    const error = failure(() => catalog('2026-06-01').resolve('acme/old', BOTH));
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
