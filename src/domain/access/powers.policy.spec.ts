import { describe, expect, it } from 'vitest';
import { excessOf, type Powers, widened } from './powers.policy.js';

const UNBOUNDED: Powers = {
  scopes: ['generate', 'read', 'admin'],
  allowedModels: null,
  expiresAt: null,
  quotaMicros: null,
  rpmLimit: null,
  maxInFlight: null,
  maxQueued: null,
};
const BOUNDED: Powers = {
  scopes: ['read', 'admin'],
  allowedModels: ['openai/*', 'fal/flux-dev', 'acme/*-video'],
  expiresAt: 1_000,
  quotaMicros: 500,
  rpmLimit: 60,
  maxInFlight: 0,
  maxQueued: 5,
};

describe('what a key may give', () => {
  it('is all that it has', () => {
    expect(excessOf(UNBOUNDED, UNBOUNDED)).toBeUndefined();
    expect(excessOf(BOUNDED, UNBOUNDED)).toBeUndefined();
    expect(excessOf(BOUNDED, BOUNDED)).toBeUndefined();
    expect(excessOf({}, BOUNDED)).toBeUndefined();
  });

  it.each<[string, Partial<Powers>]>([
    ['scopes', { scopes: ['generate'] }],
    ['scopes', { scopes: ['admin', 'generate'] }],
    ['allowed_models', { allowedModels: null }],
    ['allowed_models', { allowedModels: ['*'] }],
    ['allowed_models', { allowedModels: ['fal/*'] }],
    ['allowed_models', { allowedModels: ['openai/x', 'fal/flux-pro'] }],
    ['allowed_models', { allowedModels: ['*openai/x'] }],
    ['allowed_models', { allowedModels: ['acme/*'] }],
    ['expires_at', { expiresAt: null }],
    ['expires_at', { expiresAt: 1_001 }],
    ['token_quota', { quotaMicros: null }],
    ['token_quota', { quotaMicros: 501 }],
    ['rpm_limit', { rpmLimit: null }],
    ['rpm_limit', { rpmLimit: 61 }],
    ['max_in_flight', { maxInFlight: 1 }],
    ['max_queued', { maxQueued: null }],
  ])('is no %s beyond its own: %j', (param, wanted) => {
    expect(excessOf(wanted, BOUNDED)).toMatchObject({ param });
  });

  it.each<Partial<Powers>>([
    { scopes: ['admin'] },
    { scopes: [] },
    { allowedModels: [] },
    { allowedModels: ['openai/gpt-*', 'fal/flux-dev', 'acme/x-video', 'acme/*-long-*-video'] },
    { expiresAt: 1 },
    { quotaMicros: 0 },
    { rpmLimit: 60 },
    { maxInFlight: 0 },
  ])('is what is within: %j', (wanted) => {
    expect(excessOf(wanted, BOUNDED)).toBeUndefined();
  });
});

describe('what a change widens', () => {
  it('is told apart from what it narrows', () => {
    expect(widened(BOUNDED, BOUNDED)).toEqual({});
    expect(widened(UNBOUNDED, BOUNDED)).toEqual({});
    expect(widened(BOUNDED, { ...BOUNDED, quotaMicros: 501, rpmLimit: 1, scopes: ['read', 'generate'] })).toEqual({
      quotaMicros: 501,
      scopes: ['read', 'generate'],
    });
  });
});
