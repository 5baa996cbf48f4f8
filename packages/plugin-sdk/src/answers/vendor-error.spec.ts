import { describe, expect, it } from 'vitest';
import type { ProviderErrorCode } from '../errors.js';
import { createTestCall } from '../testing/test-call.js';
import { meaningOf, readVendorError, type VendorWords, vendorError, vendorFailure } from './vendor-error.js';

describe('the words of a failure', () => {
  it.each<readonly [string, unknown, VendorWords | undefined]>([
    ['OpenAI', { error: { message: 'm', type: 't', param: 'p', code: 'c' } }, { message: 'm', type: 't', param: 'p', code: 'c' }],
    [
      'vLLM',
      { error: { message: 'm', type: 'BadRequestError', code: 400 } },
      { message: 'm', type: 'BadRequestError', code: '400', status: 400 },
    ],
    ['a bare text', { error: 'Unauthorized' }, { message: 'Unauthorized' }],
    ['an error within an error', { error: { error: { message: 'm', code: 'c' } } }, { message: 'm', code: 'c' }],
    [
      'a list of errors',
      { errors: [{ code: 'invalidApiKey', message: 'm', parameter: 'apiKey' }] },
      { message: 'm', code: 'invalidApiKey', param: 'apiKey' },
    ],
    ['FastAPI', { detail: 'Not Found' }, { message: 'Not Found' }],
    [
      'FastAPI’s list',
      { detail: [{ loc: ['body', 'size'], msg: 'bad', type: 'value_error' }] },
      { message: 'size: bad', param: 'size', type: 'value_error', status: 422 },
    ],
    ['MiniMax', { base_resp: { status_code: 1026, status_msg: 'sensitive' } }, { code: '1026', message: 'sensitive' }],
    ['a code and a message', { code: 'InvalidParameter', message: 'm', data: null }, { code: 'InvalidParameter', message: 'm' }],
    ['no success', { success: false, message: 'Balance is exhausted' }, { message: 'Balance is exhausted' }],
    ['a job that failed', { status: 'failed', fail_reason: 'timed out' }, { message: 'timed out' }],
    ['Tencent', { Response: { Error: { Code: 'FailedOperation', Message: 'm' } } }, { code: 'FailedOperation', message: 'm' }],
    ['nothing', { error: null, errors: [], data: [] }, undefined],
    ['an empty object', { error: {} }, undefined],
    ['a fine envelope', { code: 0, message: 'success', base_resp: { status_code: 0, status_msg: 'success' } }, undefined],
    ['no object', 'oops', undefined],
  ])('are read from the shape of %s', (_whose, body, words) => {
    expect(readVendorError(body)).toEqual(words === undefined ? undefined : expect.objectContaining(words));
  });
});

describe('the meaning of a failure', () => {
  it.each<readonly [VendorWords, number, ProviderErrorCode | undefined]>([
    [{ code: 'moderation_blocked', type: 'image_generation_user_error' }, 400, 'content_rejected'],
    [{ code: 'ContentPolicyViolation' }, 200, 'content_rejected'],
    [{ type: 'invalid_request_error', code: 'invalid_api_key' }, 401, 'authentication_failed'],
    [{ type: 'invalid_request_error' }, 401, 'authentication_failed'],
    [{ type: 'insufficient_quota' }, 429, 'quota_exhausted'],
    [{ message: 'You exceeded your current quota' }, 429, 'quota_exhausted'],
    [{ code: 'rate_limit_exceeded' }, 200, 'rate_limited'],
    [{ type: 'BadRequestError', code: '400', status: 400 }, 200, 'invalid_request'],
    [{ code: '429', status: 429, message: 'slow down' }, 200, 'rate_limited'],
    [{ code: '402', status: 402 }, 0, 'quota_exhausted'],
    [{ code: 'model_not_found' }, 200, 'unsupported'],
    [{ message: 'The model `x` does not exist' }, 200, 'unsupported'],
    [{ message: 'Your request was rejected by our safety system.' }, 200, 'content_rejected'],
    [{ message: 'Your request was rejected as it may violate our content policy' }, 400, 'content_rejected'],
    [{ message: 'prompt contains NSFW words' }, 0, 'content_rejected'],
    [{ message: 'Insufficient balance' }, 0, 'quota_exhausted'],
    [{ message: 'User is locked. Reason: Exhausted balance. Top up your balance.' }, 403, 'quota_exhausted'],
    [{ message: 'flagged by moderation' }, 403, 'content_rejected'],
    [{ message: 'size must be a multiple of 16' }, 0, 'invalid_request'],
    [{ message: 'Incorrect API key provided' }, 200, 'authentication_failed'],
    [{ message: 'Generation timed out' }, 0, 'timeout'],
    [{ message: 'The server is overloaded' }, 0, 'unavailable'],
    [{ message: 'CUDA out of memory', type: 'InternalServerError', code: '500', status: 500 }, 500, 'invalid_request'],
    [{ message: 'CUDA out of memory' }, 0, 'invalid_request'],
    [{ message: 'the moderation service is down' }, 500, 'unavailable'],
    [{ type: 'invalid_request_error' }, 200, 'invalid_request'],
    [{ message: 'odd' }, 418, 'invalid_request'],
    [{ message: 'odd' }, 599, 'unavailable'],
    [{ message: 'odd' }, 200, undefined],
    [{}, 200, undefined],
  ])('%o under %i is %s', (words, status, code) => {
    expect(meaningOf(words, status)).toBe(code);
  });

  it('is a vendor’s own first', () => {
    const table = { codes: { 'acme.busy': 'rate_limited' }, statuses: { 404: 'output_expired' } } as const;
    expect(meaningOf({ code: 'ACME_BUSY' }, 200, table)).toBe('rate_limited');
    expect(meaningOf({}, 404, table)).toBe('output_expired');
  });

  it('is found in hostile words too, which a pattern that backtracks would never leave', () => {
    for (const piece of ['violat', 'model ', 'insufficient ', 'a', ' must ', 'invalid api']) {
      meaningOf({ message: piece.repeat(100_000), code: '_'.repeat(100_000) }, 200);
    }
  });
});

describe('the error of an answer', () => {
  const call = createTestCall({ secrets: { apiKey: 'sk-secret-1' } });
  const answer = (status: number, headers = {}) => ({ status, headers });

  it('keeps the vendor’s words, without the key', () => {
    const words = { message: 'sk-secret-1 may not do this', code: 'forbidden', param: 'num_steps' };
    const error = vendorError(words, answer(403, { 'x-request-id': 'r1' }), call, { vendor: 'Acme', params: { num_steps: 'steps' } });
    expect(error).toMatchObject({
      code: 'permission_denied',
      charged: 'no',
      message: '[secret] may not do this',
      param: 'steps',
      vendorStatus: 403,
      vendorCode: 'forbidden',
      vendorRequestId: 'r1',
    });
  });

  it.each<readonly [VendorWords, number, string, string]>([
    [{ code: 'content_policy_violation' }, 200, 'content_rejected', 'no'],
    [{ code: 'moderation_blocked', moderationStage: 'output' }, 400, 'content_rejected', 'unknown'],
    [{ code: 'insufficient_quota' }, 200, 'quota_exhausted', 'no'],
    [{ type: 'server_error' }, 200, 'unavailable', 'unknown'],
    [{ type: 'server_error' }, 500, 'unavailable', 'no'],
    [{}, 502, 'unavailable', 'unknown'],
    [{}, 200, 'unavailable', 'unknown'],
  ])('%o under %i is %s, charged %s', (words, status, code, charged) => {
    expect(vendorError(words, answer(status), call, { vendor: 'Acme' })).toMatchObject({ code, charged });
  });

  it('is told of a failed job in the same words', () => {
    expect(vendorFailure({ message: 'blocked by the content filter', code: 'x' }, call, { vendor: 'Acme' })).toMatchObject({
      code: 'content_rejected',
      charged: 'no',
      message: 'blocked by the content filter',
      vendorCode: 'x',
    });
    expect(vendorFailure({}, call, { vendor: 'Acme' })).toMatchObject({ code: 'unavailable', message: expect.stringContaining('Acme') });
  });
});
