import { type GenerationEntity, publicCostSource } from '../../engine/generations/index.js';
import { type Micros, microsToTokens, microsToUsd } from '../../platform/common/index.js';
import type { UsageInfo } from './dto/generation-answer.dto.js';

/**
 * What it cost, or, until that is known, what it is expected to cost. Token counts are complete: some clients refuse partial ones.
 * @param remainingMicros null or absent: no budget bounds the request
 */
export function toUsage(
  { usage, costMicros, costSource, quote }: Pick<GenerationEntity, 'usage' | 'costMicros' | 'costSource' | 'quote'>,
  remainingMicros: Micros | null = null,
): UsageInfo {
  const micros = costMicros ?? quote.amountMicros;
  const input = {
    text_tokens: (usage?.input_text_tokens ?? 0) + (usage?.cached_input_text_tokens ?? 0),
    image_tokens: (usage?.input_image_tokens ?? 0) + (usage?.cached_input_image_tokens ?? 0),
  };
  const output = { text_tokens: usage?.output_text_tokens ?? 0, image_tokens: usage?.output_image_tokens ?? 0 };
  const inputTokens = input.text_tokens + input.image_tokens;
  const outputTokens = output.text_tokens + output.image_tokens;
  return {
    cost_usd: microsToUsd(micros),
    tokens: microsToTokens(micros),
    cost_source: publicCostSource(costSource),
    ...(remainingMicros === null ? {} : { budget_remaining_usd: microsToUsd(remainingMicros) }),
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    input_tokens_details: input,
    output_tokens_details: output,
  };
}

/** The usage of one output when the whole was already told with another: the sum over all stays right. */
export const NO_USAGE: UsageInfo = {
  cost_usd: 0,
  tokens: 0,
  cost_source: 'dynamic',
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
  output_tokens_details: { text_tokens: 0, image_tokens: 0 },
};
