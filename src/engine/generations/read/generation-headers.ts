import { formatUsd, type Micros, type ResponseHeaders } from '../../../platform/common/index.js';
import type { GenerationRecord } from '../model/generation-signals.js';

/** LiteGen knows two sources of a cost: what the vendor said, and what the price list says. */
export function publicCostSource(source: string | null): 'dynamic' | 'estimated' {
  return source === null || source === 'catalog' || source === 'quote' ? 'estimated' : 'dynamic';
}

const TEXT = { type: 'string' } as const;
const DECIMAL = { ...TEXT, pattern: '^\\d+(\\.\\d+)?$' };

/** What {@link generationHeaders} makes, in the API's document. */
export const GENERATION_HEADERS: ResponseHeaders = {
  'x-litegen-generation-id': { description: 'The generation.', schema: TEXT },
  'x-litegen-cost': { description: 'US dollars; expected until it is known.', schema: DECIMAL },
  'x-litellm-response-cost': { description: 'The same, where LiteLLM looks for it.', schema: DECIMAL },
  'x-litegen-cost-source': { description: '`dynamic` or `estimated`.', schema: { type: 'string', enum: ['dynamic', 'estimated'] } },
  'x-litegen-model': { description: 'Catalogue id.', schema: TEXT },
  'x-litegen-provider': { description: 'The vendor.', schema: TEXT },
  'x-litegen-budget-remaining': {
    description: 'The least that any budget has left, US dollars. Absent: nothing is bounded.',
    schema: TEXT,
  },
};

/**
 * Headers that tell about a generation, for clients that drop fields which they do not know.
 * @param remainingMicros the least that any of its budgets has left; null or absent: nothing is bounded, or nobody looked
 */
export function generationHeaders(
  { generation }: Pick<GenerationRecord, 'generation'>,
  remainingMicros: Micros | null = null,
): Record<string, string> {
  const cost = formatUsd(generation.costMicros ?? generation.quote.amountMicros);
  return {
    'x-litegen-generation-id': generation.id,
    'x-litegen-cost': cost,
    // Where LiteLLM looks for what a call cost.
    'x-litellm-response-cost': cost,
    'x-litegen-cost-source': publicCostSource(generation.costSource),
    'x-litegen-model': headerText(generation.model),
    'x-litegen-provider': generation.provider,
    ...(remainingMicros === null ? {} : { 'x-litegen-budget-remaining': formatUsd(remainingMicros) }),
  };
}

/** Operators may name models as they like; a header may not hold everything. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}
