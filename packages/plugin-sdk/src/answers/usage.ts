import type { VendorUsage } from '../result.js';
import { count, decimal, record } from './values.js';

interface Parts {
  readonly total?: number;
  readonly text?: number;
  readonly image?: number;
}

/**
 * Token counts of `usage` in OpenAI's two shapes: `input_tokens`, `output_tokens` and their details, or `prompt_tokens` and
 * `completion_tokens`. Where one part of a total is missing, it is the rest of the total; a total that is not told apart is text going in and
 * pictures coming out. What the vendor does not report is absent, and so is everything when it reports nothing but zeros.
 */
export function tokenUsage(usage: unknown): VendorUsage | undefined {
  const fields = record(usage);
  if (fields === undefined) return undefined;
  const inDetails = record(fields.input_tokens_details) ?? record(fields.prompt_tokens_details) ?? {};
  const outDetails = record(fields.output_tokens_details) ?? record(fields.completion_tokens_details) ?? {};
  const inTotal = tokens(fields.input_tokens) ?? tokens(fields.prompt_tokens);
  const outTotal = tokens(fields.output_tokens) ?? tokens(fields.completion_tokens);
  const input = split({ total: inTotal, text: tokens(inDetails.text_tokens), image: tokens(inDetails.image_tokens) }, 'text');
  const output = split(
    {
      total: outTotal,
      text: tokens(outDetails.text_tokens) ?? tokens(outDetails.reasoning_tokens),
      image: tokens(outDetails.image_tokens),
    },
    'image',
  );
  const cached = cachedParts(inDetails, input);
  const counts: VendorUsage = {
    input_text_tokens: without(input.text, cached.text),
    cached_input_text_tokens: cached.text,
    input_image_tokens: without(input.image, cached.image),
    cached_input_image_tokens: cached.image,
    output_text_tokens: output.text,
    output_image_tokens: output.image,
  };
  const reported = Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined)) as VendorUsage;
  // A server that does not count fills the fields in all the same.
  return Object.values(reported).some((value) => value > 0) ? reported : undefined;
}

function tokens(value: unknown): number | undefined {
  const number = count(value);
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

/** @param usual what a total is when no part of it is told */
function split({ total, text, image }: Parts, usual: 'text' | 'image'): Parts {
  if (total === undefined) return { text, image };
  if (text === undefined && image === undefined) return { [usual]: total };
  if (text === undefined) return { image, text: rest(total, image) };
  if (image === undefined) return { text, image: rest(total, text) };
  // What is in neither part, such as reasoning, is text.
  return { image, text: Math.max(text, total - image) };
}

function rest(total: number, part = 0): number | undefined {
  return total > part ? total - part : undefined;
}

/** Counts of cached tokens, told apart or not. Those that are not are text as far as there is any. */
function cachedParts(details: Readonly<Record<string, unknown>>, input: Parts): Parts {
  const parts = record(details.cached_tokens_details);
  if (parts !== undefined) return { text: tokens(parts.text_tokens), image: tokens(parts.image_tokens) };
  const cached = tokens(details.cached_tokens);
  if (cached === undefined || cached === 0) return {};
  const text = Math.min(cached, input.text ?? 0);
  return { text: text === 0 ? undefined : text, image: rest(cached, text) };
}

function without(all: number | undefined, cached = 0): number | undefined {
  return all === undefined ? undefined : Math.max(0, all - cached);
}

/** Adds two counts of the same call, unit by unit. */
export function addUsage(first: VendorUsage | undefined, second: VendorUsage | undefined): VendorUsage | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const sum: VendorUsage = { ...first };
  for (const [unit, quantity] of Object.entries(second) as [keyof VendorUsage, number][]) sum[unit] = (sum[unit] ?? 0) + quantity;
  return sum;
}

/** How many of xAI's ticks are a US dollar. */
const TICKS_PER_USD = 10_000_000_000;

/**
 * The price that an answer names, US dollars as a decimal string: `cost`, `cost_usd` or `total_cost` in `usage` or beside it. A zero is
 * what gateways report where they do not know, so it is no price.
 */
export function costUsdOf(body: unknown): string | undefined {
  const fields = record(body) ?? {};
  for (const part of [record(fields.usage), fields, record(fields.outputs)]) {
    if (part === undefined) continue;
    const cost = [part.cost_usd, part.cost, part.total_cost].map(count).find((value) => value !== undefined && value > 0);
    if (cost !== undefined) return decimal(cost);
    const ticks = count(part.cost_in_usd_ticks);
    if (ticks !== undefined && ticks > 0) return decimal(ticks / TICKS_PER_USD);
  }
  return undefined;
}
