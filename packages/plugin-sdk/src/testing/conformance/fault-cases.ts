import type { Charged, ProviderErrorCode } from '../../errors.js';
import type { Json } from '../../json.js';
import type { Fault } from './fault-front.js';

/** What the contract wants of a plugin whose vendor fails in one way. */
export interface FaultCase {
  readonly name: string;
  fault(errorBody: (status: number) => Json): Fault;
  readonly codes: readonly ProviderErrorCode[];
  /** When the request that submits fails this way. */
  readonly charged: readonly Charged[];
  /** Further codes that a status question may throw. */
  readonly statusCodes?: readonly ProviderErrorCode[];
  /** Whether a status question may take it as the end of the operation. */
  readonly endsOperation?: boolean;
  readonly retryAfterMs?: number;
}

const RETRY_AFTER_SECONDS = 7;

function http(status: number, rest: Omit<FaultCase, 'name' | 'fault'>): FaultCase {
  const headers = status === 429 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : undefined;
  return { ...rest, name: `HTTP ${status}`, fault: (errorBody) => ({ kind: 'status', status, headers, body: errorBody(status) }) };
}

function broken(kind: 'garbage' | 'truncated' | 'slow' | 'huge' | 'reset', ...codes: ProviderErrorCode[]): FaultCase {
  return { name: `a ${kind} answer`, fault: () => ({ kind }), codes, charged: ['unknown'] };
}

/** The one table of faults; both the start and the status checks read it. */
export const FAULT_CASES: readonly FaultCase[] = [
  http(400, { codes: ['invalid_request', 'unsupported', 'content_rejected'], charged: ['no'], endsOperation: true }),
  http(401, { codes: ['authentication_failed'], charged: ['no'] }),
  http(403, { codes: ['permission_denied', 'quota_exhausted', 'authentication_failed'], charged: ['no'] }),
  http(404, {
    codes: ['invalid_request', 'unsupported'],
    charged: ['no'],
    // A vendor may not know a job yet that it has just accepted.
    statusCodes: ['output_expired', 'unavailable'],
  }),
  http(408, { codes: ['timeout', 'unavailable'], charged: ['no', 'unknown'] }),
  http(429, { codes: ['rate_limited', 'quota_exhausted'], charged: ['no'], retryAfterMs: RETRY_AFTER_SECONDS * 1000 }),
  http(500, { codes: ['unavailable', 'internal'], charged: ['no', 'unknown'] }),
  http(503, { codes: ['unavailable', 'internal'], charged: ['no', 'unknown'] }),
  broken('garbage', 'invalid_response'),
  broken('truncated', 'invalid_response'),
  broken('huge', 'invalid_response'),
  broken('slow', 'timeout'),
  broken('reset', 'unavailable'),
];
