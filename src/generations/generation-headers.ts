import { formatUsd, type Micros } from '../common/index.js';
import type { GenerationRecord } from './generation-signals.js';

/** LiteGen knows two sources of a cost: what the vendor said, and what the price list says. */
export function publicCostSource(source: string | null): 'dynamic' | 'estimated' {
  return source === null || source === 'catalog' || source === 'quote' ? 'estimated' : 'dynamic';
}

/**
 * Headers that tell about a generation, for clients that drop fields which they do not know.
 * @param remainingMicros the least that any of its budgets has left; null or absent: nothing is bounded, or nobody looked
 */
export function generationHeaders(
  { generation }: Pick<GenerationRecord, 'generation'>,
  remainingMicros: Micros | null = null,
): Record<string, string> {
  return {
    'x-litegen-generation-id': generation.id,
    'x-litegen-cost': formatUsd(generation.costMicros ?? generation.quote.amountMicros),
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
