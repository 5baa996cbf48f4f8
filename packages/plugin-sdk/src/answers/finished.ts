import type { CallContext, VendorResponse } from '../context.js';
import { ProviderError } from '../errors.js';
import type { Finished, Withheld } from '../result.js';
import { isFlagged, type MediaOrigin, outputItems, readOutputs } from './outputs.js';
import { costUsdOf, tokenUsage } from './usage.js';
import { record } from './values.js';
import { declaredError, meaningOf, readVendorError, type VendorErrorOptions, vendorError } from './vendor-error.js';

export interface AnswerOptions extends VendorErrorOptions {
  readonly origin?: MediaOrigin;
}

/**
 * Reads the answer of a vendor that makes media at once: `{data: […], usage}` and whatever looks like it. Entries without media are
 * withheld with their reason. An error in place of media is the one that it means, though the status be 200.
 * @param wanted how many outputs were asked for
 * @throws ProviderError `invalid_response` for what is no object; any other for an error in place of media
 */
export function readFinished(
  body: unknown,
  response: Pick<VendorResponse, 'status' | 'headers'>,
  wanted: number,
  call: CallContext,
  options: AnswerOptions,
): Finished {
  const fields = record(body);
  const vendorRequestId = response.headers['x-request-id'];
  if (fields === undefined) {
    const details = { charged: 'unknown', vendorStatus: response.status, vendorRequestId } as const;
    throw new ProviderError('invalid_response', `${options.vendor} answered with something that is no object.`, details);
  }
  const { outputs, withheld } = readOutputs(outputItems(fields), options.origin, options.table);
  const declared = declaredError(fields);
  if (outputs.length === 0 && declared !== undefined) throw vendorError(declared, response, call, options);
  const about =
    outputs.length + withheld.length < Math.max(wanted, 1) ? whole(fields, wanted - outputs.length - withheld.length, options) : [];
  return { outputs, withheld: [...withheld, ...about], usage: tokenUsage(fields.usage), costUsd: costUsdOf(fields), vendorRequestId };
}

/** What the answer as a whole says about outputs that are not among its entries. */
function whole(fields: Readonly<Record<string, unknown>>, count: number, { table }: AnswerOptions): Withheld[] {
  const words = readVendorError(fields);
  const said = { count: Math.max(count, 1), charged: 'unknown' as const, vendorCode: words?.code ?? words?.type };
  if (isFlagged(fields)) return [{ ...said, code: 'content_rejected', message: words?.message ?? 'The vendor’s filter withheld it.' }];
  if (words === undefined) return [];
  return [{ ...said, code: meaningOf(words, 0, table) ?? 'invalid_response', message: words.message }];
}
