import { describe, expect, it, vi } from 'vitest';
import { PROVIDER_ERROR_CODES, ProviderError } from './errors.js';

describe('ProviderError', () => {
  it('is not charged unless it says so, and keeps every detail', () => {
    expect(new ProviderError('unavailable', 'down')).toMatchObject({
      name: 'ProviderError',
      code: 'unavailable',
      charged: 'no',
      message: 'down',
    });
    const cause = new Error('socket');
    const details = {
      charged: 'unknown',
      param: 'size',
      retryAfterMs: 7000,
      vendorStatus: 429,
      vendorCode: 'slow_down',
      vendorRequestId: 'r1',
    } as const;
    const error = new ProviderError('rate_limited', 'slow', { ...details, cause });
    expect(error).toMatchObject(details);
    expect(error.cause).toBe(cause);
    expect('cause' in new ProviderError('internal', 'x')).toBe(false);
  });

  it('is known across copies of the package, which instanceof cannot tell', async () => {
    vi.resetModules();
    const copy = (await import('./errors.js')).ProviderError;
    const error = new copy('timeout', 'slow');
    expect(error).not.toBeInstanceOf(ProviderError);
    expect(ProviderError.is(error)).toBe(true);
    for (const other of [new Error('x'), { code: 'timeout', charged: 'no' }, null, undefined, 'timeout']) {
      expect(ProviderError.is(other)).toBe(false);
    }
  });

  it('names every code once', () => {
    expect(new Set(PROVIDER_ERROR_CODES).size).toBe(PROVIDER_ERROR_CODES.length);
  });
});
