import type { CallWarning } from '@litegen/plugin-sdk';
import type { StoredReceipt, StoredRequest } from './generation.types.js';

/** What the plugin adjusted or ignored belongs in the caller's receipt, under the caller's names. */
export function withWarnings(
  { receipt, request: { fieldNames } }: { readonly receipt: StoredReceipt; readonly request: Pick<StoredRequest, 'fieldNames'> },
  told: readonly CallWarning[],
): StoredReceipt {
  if (told.length === 0) return receipt;
  const warnings = told.map((warning) => ({ ...warning, param: fieldNames?.[warning.param] ?? warning.param }));
  return {
    ...receipt,
    applied: receipt.applied.filter((field) => !warnings.some(({ param }) => param === field)),
    mapped: [
      ...receipt.mapped,
      ...warnings
        .filter(({ action }) => action === 'mapped')
        .map(({ param, message }) => ({ param, from: null, to: null, reason: message })),
    ],
    dropped: [
      ...receipt.dropped,
      ...warnings.filter(({ action }) => action === 'dropped').map(({ param, message }) => ({ param, reason: message })),
    ],
  };
}
