import { describe, expect, it } from 'vitest';
import { mayUseModel } from './principal.js';

describe('mayUseModel', () => {
  it.each([
    [undefined, 'openai/gpt-image-1', true],
    [[], 'openai/gpt-image-1', false],
    [['openai/gpt-image-1'], 'openai/gpt-image-1', true],
    [['openai/gpt-image-1'], 'openai/gpt-image-1-mini', false],
    [['openai/*'], 'openai/gpt-image-1', true],
    [['openai/*'], 'openai-compatible/gpt-image-1', false],
    [['*'], 'fal/flux', true],
    [['*/flux-*'], 'fal/flux-dev', true],
    [['*/flux-*'], 'fal/flux', false],
    [['fal/*-pro*-max'], 'fal/flux-pro-1.1-max', true],
    [['fal/*pro*pro'], 'fal/flux-pro', false],
    [['ab*ba'], 'aba', false],
    [['fal/flux', 'mock/*'], 'mock/paint', true],
    // The patterns are no regular expressions.
    [['fal/flux.dev'], 'fal/flux-dev', false],
    [['.*'], 'fal/flux-dev', false],
    [['MOCK/*'], 'mock/paint', false],
  ])('%j allows %s: %s', (allowedModels, model, allowed) => {
    expect(mayUseModel({ allowedModels }, model)).toBe(allowed);
  });
});
