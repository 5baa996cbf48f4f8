import type { AssetEntity } from '../../../domain/storage/index.js';
import { storableJson } from '../../../platform/common/index.js';
import type { AttemptEnd, End, EndCare } from '../model/end.js';

/** What a column of whole numbers holds in Postgres. */
const LARGEST_INTEGER = 2_147_483_647;

/**
 * An end whose details cannot keep it from being written: texts without what no database stores, and, of a bare one, without the details.
 * What it is, what it costs and which files came are left as they are.
 */
export function plainEnd<Item extends End>(item: Item, care: EndCare): Item {
  const { settlement, attempt, outputs } = item;
  if (care !== 'bare') {
    return {
      ...item,
      settlement: { ...settlement, failure: storableJson(settlement.failure) },
      attempt: storableJson(attempt),
      outputs: outputs.map((output) => ({ ...output, revisedPrompt: storableJson(output.revisedPrompt) })),
    };
  }
  const { failure } = settlement;
  const charged = failure?.details['charged'];
  return {
    ...item,
    settlement: {
      ...settlement,
      usage: null,
      failure:
        failure === null
          ? null
          : { code: failure.code, message: storableJson(failure.message), details: charged === undefined ? {} : { charged } },
    },
    attempt: bareAttempt(attempt),
    outputs: outputs.map(bareOutput),
    withoutReceipt: true,
  };
}

/** Without what a vendor said. */
export function bareAttempt({ state, charged, errorCode }: AttemptEnd): AttemptEnd {
  return { state, charged, ...(errorCode === undefined ? {} : { errorCode }) };
}

function bareOutput(output: AssetEntity): AssetEntity {
  const { width, height, durationMs } = output;
  return { ...output, revisedPrompt: null, width: integer(width), height: integer(height), durationMs: integer(durationMs) };
}

function integer(value: number | null): number | null {
  return value !== null && Number.isInteger(value) && Math.abs(value) <= LARGEST_INTEGER ? value : null;
}
