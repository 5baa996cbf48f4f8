import { type Finished, type Output, ProviderError, type StoredMedia, type VendorUsage } from '@litegen/plugin-sdk';
import { isRecord } from './errors.js';

/** Reads the answer of a call that was not streamed. @throws ProviderError `invalid_response` */
export function readAnswer(body: unknown): Finished {
  const data = isRecord(body) && Array.isArray(body.data) ? (body.data as unknown[]) : [];
  if (!isRecord(body) || data.length === 0) throw noImage();
  return { outputs: data.map(readOutput), usage: readUsage(body.usage) };
}

/** Reads an object that holds a picture: an item of `data`, or a `completed` event. */
export function readOutput(item: unknown): Output {
  const media = isRecord(item) ? item.b64_json : undefined;
  if (!isStoredMedia(media)) throw noImage();
  const revisedPrompt = isRecord(item) ? item.revised_prompt : undefined;
  return { media, ...(typeof revisedPrompt === 'string' ? { revisedPrompt } : {}) };
}

/**
 * Token counts of OpenAI's `usage`. Where the parts of a total are not told apart, input counts as text and output as image,
 * which is what GPT Image makes.
 */
export function readUsage(usage: unknown): VendorUsage | undefined {
  if (!isRecord(usage)) return undefined;
  const input = isRecord(usage.input_tokens_details) ? usage.input_tokens_details : {};
  const cached = isRecord(input.cached_tokens_details) ? input.cached_tokens_details : {};
  const output = isRecord(usage.output_tokens_details) ? usage.output_tokens_details : {};
  const cachedText = count(cached.text_tokens) ?? 0;
  const cachedImage = count(cached.image_tokens) ?? 0;
  const imageIn = count(input.image_tokens) ?? 0;
  const textIn = count(input.text_tokens) ?? remainder(usage.input_tokens, imageIn);
  const textOut = count(output.text_tokens) ?? 0;
  const imageOut = count(output.image_tokens) ?? remainder(usage.output_tokens, textOut);
  return {
    input_text_tokens: Math.max(0, textIn - cachedText),
    cached_input_text_tokens: cachedText,
    input_image_tokens: Math.max(0, imageIn - cachedImage),
    cached_input_image_tokens: cachedImage,
    output_text_tokens: textOut,
    output_image_tokens: imageOut,
  };
}

/** Adds two counts of the same call, unit by unit. */
export function addUsage(first: VendorUsage | undefined, second: VendorUsage | undefined): VendorUsage | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const sum: VendorUsage = { ...first };
  for (const [unit, quantity] of Object.entries(second) as [keyof VendorUsage, number][]) sum[unit] = (sum[unit] ?? 0) + quantity;
  return sum;
}

export function isStoredMedia(value: unknown): value is StoredMedia {
  return isRecord(value) && value.kind === 'litegen.stored-media';
}

function noImage(): ProviderError {
  return new ProviderError('invalid_response', 'OpenAI answered without an image.', { charged: 'unknown', vendorStatus: 200 });
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function remainder(total: unknown, part: number): number {
  return Math.max(0, (count(total) ?? 0) - part);
}
