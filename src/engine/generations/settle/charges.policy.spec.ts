import { describe, expect, it } from 'vitest';
import { chargedForCancellation, chargedForFailure } from './charges.policy.js';

const RULES = { failed: 'no', content_rejected: 'yes', cancelled: 'yes' } as const;

describe('what the vendor bills', () => {
  it.each([
    ['unknown', 'moderation_blocked', 'yes'],
    ['unknown', 'provider_internal', 'no'],
    ['unknown', 'provider_timeout', 'no'],
    // The plugin knows better.
    ['yes', 'provider_internal', 'yes'],
    ['no', 'moderation_blocked', 'no'],
    // Perhaps the vendor did the work after all.
    ['unknown', 'outcome_unknown', 'unknown'],
    ['unknown', 'deadline_exceeded', 'unknown'],
    ['unknown', 'provider_invalid_response', 'unknown'],
    ['unknown', 'output_expired', 'unknown'],
  ] as const)('for a failure: %s, %s → %s', (charged, code, expected) => {
    expect(chargedForFailure(charged, code, RULES)).toBe(expected);
    expect(chargedForFailure(charged, code, undefined)).toBe(charged);
    expect(chargedForFailure(charged, code, {})).toBe(charged);
  });

  it('for a cancellation', () => {
    expect(chargedForCancellation('unknown', RULES)).toBe('yes');
    expect(chargedForCancellation('no', RULES)).toBe('no');
    expect(chargedForCancellation('unknown', { failed: 'no' })).toBe('unknown');
    expect(chargedForCancellation('unknown', undefined, 'no')).toBe('no');
    expect(chargedForCancellation('unknown', RULES, 'no')).toBe('yes');
  });
});
