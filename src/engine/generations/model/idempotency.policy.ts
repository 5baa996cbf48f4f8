import { ApiError } from '../../../platform/common/index.js';

const LONGEST_KEY = 255;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** Of the header, in the API's document. */
export const IDEMPOTENCY_KEY = { type: 'string', maxLength: LONGEST_KEY, pattern: PRINTABLE.source };

/** What the admission writes beside the row. */
export interface IdempotentAdmission {
  readonly fingerprint: string;
  readonly key?: string;
  readonly expiresAtMs: number;
}

/** @throws ApiError `idempotency_key_invalid` */
export function checkIdempotencyKey(key: string): string {
  if (key.length > LONGEST_KEY || !PRINTABLE.test(key)) {
    throw new ApiError('idempotency_key_invalid', `Idempotency-Key is 1 to ${LONGEST_KEY} visible ASCII characters.`, {
      param: 'idempotency-key',
    });
  }
  return key;
}
