import {
  type Charged,
  declaredError,
  meaningOf,
  ProviderError,
  type ProviderErrorCode,
  parseJson,
  retryAfterMs,
} from '@litegen/plugin-sdk';
import type { EgressError, EgressResponse } from '../../../platform/security/index.js';

/** Of what came instead of a file, to read the vendor's words in. */
export const MAX_WORDS_BYTES = 16 * 1024;

/** A host that is not ready yet answers so. */
const MISSING = new Set([403, 404, 410]);
const PASSING = new Set([408, 429]);

/**
 * How often a file is asked for that could not be had: `never` where it would be the same again, `briefly` where its host may not be ready
 * yet, and `until_deadline` where something is down for now.
 */
export type OutputRetry = 'never' | 'briefly' | 'until_deadline';

/** Why an output is not in the store. What the vendor finished is mostly paid for. */
export class OutputFailure extends Error {
  constructor(
    readonly failure: ProviderError,
    readonly retry: OutputRetry,
  ) {
    super(failure.message, { cause: failure });
    this.name = 'OutputFailure';
  }
}

/** A host that has nothing more to give after three tries keeps nobody waiting. */
export class EmptyOutput extends OutputFailure {
  constructor() {
    super(new ProviderError('invalid_response', 'the output is empty', { charged: 'unknown' }), 'briefly');
  }
}

interface FailureFacts {
  readonly charged?: Charged;
  readonly vendorStatus?: number;
  readonly vendorCode?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

// The vendor said that it made the output, so whatever goes wrong with fetching it does not make it free.
export function failed(retry: OutputRetry, code: ProviderErrorCode, message: string, facts: FailureFacts = {}): OutputFailure {
  return new OutputFailure(new ProviderError(code, message, { charged: 'yes', ...facts }), retry);
}

/** Whether the vendor bills for what it did not deliver is not known. An error in its place means what it means, whatever its status was. */
export function notTheOutput(fault: string, beginning: string, vendorStatus?: number): OutputFailure {
  const words = wordsIn(beginning);
  if (words === undefined)
    return failed('briefly', 'invalid_response', `the output is not usable: ${fault}`, { charged: 'unknown', vendorStatus });
  const code = meaningOf(words, 0) ?? 'invalid_response';
  const message = words.message ?? `the output is an error: ${words.code ?? words.type}`;
  return failed(code === 'content_rejected' ? 'never' : 'briefly', code, message, {
    charged: 'unknown',
    vendorStatus,
    vendorCode: words.code ?? words.type,
  });
}

function wordsIn(text: string): ReturnType<typeof declaredError> {
  try {
    return declaredError(parseJson(text));
  } catch {
    return undefined;
  }
}

export async function statusFailure(response: EgressResponse, now: Date): Promise<OutputFailure> {
  const { status, headers } = response;
  const { host } = new URL(response.url);
  const facts = { vendorStatus: status, retryAfterMs: retryAfterMs(headers, now) };
  if (PASSING.has(status) || status >= 500)
    return failed('until_deadline', 'unavailable', `${host} answered ${status} instead of the output`, facts);
  const words = wordsIn(await beginningOf(response));
  if (words !== undefined && meaningOf(words, 0) === 'content_rejected') return notTheOutput('', JSON.stringify({ error: words }), status);
  const said = words?.message === undefined ? '' : `: ${words.message}`;
  if (MISSING.has(status)) return failed('briefly', 'output_expired', `${host} does not have the output (${status})${said}`, facts);
  return failed('briefly', 'unavailable', `${host} answered ${status} instead of the output${said}`, facts);
}

async function beginningOf({ body }: EgressResponse): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      parts.push(chunk.subarray(0, MAX_WORDS_BYTES - bytes));
      bytes += chunk.length;
      if (bytes >= MAX_WORDS_BYTES) break;
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(parts).toString('utf8');
}

export function networkFailure(error: EgressError): OutputFailure {
  const facts = { cause: error };
  switch (error.kind) {
    case 'blocked':
      return failed('never', 'invalid_response', `the output's address is refused: ${error.message}`, facts);
    case 'too_large':
      return failed('never', 'invalid_response', error.message.replace(/^the response/, 'the output'), facts);
    case 'headers_timeout':
    case 'body_timeout':
    case 'total_timeout':
    case 'aborted':
      return failed('until_deadline', 'timeout', error.message, facts);
    default:
      return failed('until_deadline', 'unavailable', error.message, facts);
  }
}
