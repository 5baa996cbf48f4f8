import { ProviderError, type ProviderErrorCode } from '@litegen/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { afterAbandonedSubmission, afterSubmissionFailure, backoffMs, type FailureSituation } from './retry.policy.js';
import { describeFailure } from './vendor-failure.policy.js';

const SITUATION: FailureSituation = {
  attempts: 1,
  maxAttempts: 3,
  vendorIsIdempotent: false,
  nowMs: 1_000_000,
  deadlineAtMs: 1_600_000,
  cancelRequested: false,
  random: 0.5,
};

function failed(
  code: ProviderErrorCode,
  details: ConstructorParameters<typeof ProviderError>[2],
  situation: Partial<FailureSituation> = {},
) {
  return afterSubmissionFailure(new ProviderError(code, 'it failed', details), { ...SITUATION, ...situation });
}

describe('afterSubmissionFailure', () => {
  it.each(['rate_limited', 'unavailable', 'timeout', 'internal'] as const)('tries %s anew when it surely cost nothing', (code) => {
    expect(failed(code, { charged: 'no' })).toMatchObject({ kind: 'retry', attemptState: 'not_sent' });
    expect(failed(code, { charged: 'no', vendorStatus: 503 })).toMatchObject({ kind: 'retry', attemptState: 'rejected' });
  });

  it.each(['invalid_request', 'unsupported', 'content_rejected', 'authentication_failed', 'permission_denied', 'quota_exhausted'] as const)(
    'never repeats %s',
    (code) => {
      expect(failed(code, { charged: 'no', vendorStatus: 400 })).toMatchObject({ kind: 'fail', attemptState: 'rejected', charged: 'no' });
    },
  );

  it.each(['unavailable', 'timeout', 'invalid_response', 'internal'] as const)('never repeats %s that may have been charged', (code) => {
    expect(failed(code, { charged: 'unknown' })).toMatchObject({
      kind: 'fail',
      attemptState: 'unknown',
      charged: 'unknown',
      failure: { code: 'outcome_unknown' },
    });
    expect(failed(code, { charged: 'yes' })).toMatchObject({ kind: 'fail', charged: 'yes' });
  });

  it('asks an idempotent vendor again under the same key', () => {
    expect(failed('unavailable', { charged: 'unknown' }, { vendorIsIdempotent: true })).toMatchObject({ kind: 'resubmit' });
    expect(failed('content_rejected', { charged: 'unknown' }, { vendorIsIdempotent: true })).toMatchObject({
      kind: 'fail',
      failure: { code: 'moderation_blocked' },
    });
  });

  it.each([
    ['Not this.', 'Your request was rejected as a result of the safety system: Not this.'],
    ['', 'Your request was rejected as a result of the safety system.'],
    [
      'Your request was rejected as a result of our safety system. Try other words.',
      'Your request was rejected as a result of the safety system. Try other words.',
    ],
  ])('begins a refusal as OpenAI does, with the words of the vendor behind it: %s', (message, told) => {
    const refusal = { code: 'content_rejected', charged: 'no', message } as const;
    expect(describeFailure(refusal)).toMatchObject({
      code: 'moderation_blocked',
      message: told,
      details: { vendor_message: message },
    });
  });

  it('gives up after the last attempt, after a wish to cancel, and when the pause would pass the deadline', () => {
    expect(failed('unavailable', { charged: 'no' }, { attempts: 3 })).toMatchObject({
      kind: 'fail',
      failure: { code: 'provider_unavailable' },
    });
    expect(failed('unavailable', { charged: 'no' }, { cancelRequested: true }).kind).toBe('fail');
    expect(failed('rate_limited', { charged: 'no', retryAfterMs: 700_000 }).kind).toBe('fail');
  });

  it('keeps what the caller needs to know', () => {
    const next = failed('invalid_request', {
      charged: 'no',
      param: 'size',
      vendorStatus: 400,
      vendorCode: 'bad_size',
      vendorRequestId: 'req_1',
    });
    expect(next).toMatchObject({
      failure: {
        code: 'provider_invalid_request',
        message: 'it failed',
        details: { charged: 'no', param: 'size', vendor_status: 400, vendor_code: 'bad_size', vendor_request_id: 'req_1' },
      },
    });
  });
});

describe('afterAbandonedSubmission', () => {
  it('surfaces an unknown outcome, unless the vendor recognises a repeated submission', () => {
    expect(afterAbandonedSubmission(SITUATION)).toMatchObject({ kind: 'fail', failure: { code: 'outcome_unknown' }, charged: 'unknown' });
    expect(afterAbandonedSubmission({ ...SITUATION, vendorIsIdempotent: true }).kind).toBe('resubmit');
  });
});

describe('pauses between submissions', () => {
  it('grow, vary by a quarter either way, and respect Retry-After', () => {
    expect(backoffMs(1, 0)).toBe(375);
    expect(backoffMs(1, 1)).toBe(625);
    expect(backoffMs(3, 0.5)).toBe(2_000);
    expect(backoffMs(40, 0.5)).toBe(30_000);
    expect(backoffMs(1, 0.5, 9_000)).toBe(9_000);
  });
});
