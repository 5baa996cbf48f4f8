import type { CallWarning } from '@litegen/plugin-sdk';
import type { StoredReceipt } from './generation.types.js';

/** What the plugin adjusted or ignored belongs in the caller's receipt. */
export function withWarnings(receipt: StoredReceipt, warnings: readonly CallWarning[]): StoredReceipt {
  if (warnings.length === 0) return receipt;
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
