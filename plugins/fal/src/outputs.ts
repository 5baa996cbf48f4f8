import type { CallContext, Finished, MediaSource, OperationStatus, Output, VendorUsage } from '@litegen/plugin-sdk';
import { asArray, asObject, asText } from './json.js';
import type { FalOperation } from './operation.js';

export type MediaKind = 'image' | 'video';

/** fal's header for what it bills, counted in the model's own unit. */
export const BILLABLE_UNITS_HEADER = 'x-fal-billable-units';

/** A result body as the end of an operation. Blocked pictures are no pictures, though fal bills for them. */
export function readResult(
  kind: MediaKind,
  body: unknown,
  operation: FalOperation,
  headers: Readonly<Record<string, string>>,
  call: CallContext,
): OperationStatus {
  const found = kind === 'image' ? imagesOf(body) : videosOf(body);
  const flags = asArray(asObject(body)?.has_nsfw_concepts);
  const kept = found.filter((_, index) => flags[index] !== true);
  if (kept.length === 0) {
    return found.length > 0
      ? {
          state: 'failed',
          error: {
            code: 'content_rejected',
            charged: 'yes',
            message: 'fal: the output was flagged as not safe for work',
            vendorCode: 'has_nsfw_concepts',
          },
        }
      : { state: 'failed', error: { code: 'invalid_response', charged: 'unknown', message: `fal: the result holds no ${kind}` } };
  }
  if (kept.length < found.length) {
    call.warn({
      param: 'n',
      action: 'dropped',
      message: `${found.length - kept.length} of ${found.length} outputs were flagged as not safe for work`,
    });
  }
  return { state: 'succeeded', ...finished(body, kept, found.length, operation, headers) };
}

function finished(
  body: unknown,
  kept: readonly MediaSource[],
  made: number,
  operation: FalOperation,
  headers: Readonly<Record<string, string>>,
): Finished {
  const fields = asObject(body) ?? {};
  const revisedPrompt = asText(fields.actual_prompt) ?? asText(fields.prompt);
  // With several outputs, fal's one seed is that of the batch and would repeat none of them alone.
  const seed = made === 1 && typeof fields.seed === 'number' ? fields.seed : undefined;
  const outputs = kept.map(
    (media): Output => ({ media, ...(revisedPrompt === undefined ? {} : { revisedPrompt }), ...(seed === undefined ? {} : { seed }) }),
  );
  return { outputs, usage: usageOf(made, operation, headers), vendorRequestId: headers['x-fal-request-id'] ?? operation.request_id };
}

function usageOf(made: number, operation: FalOperation, headers: Readonly<Record<string, string>>): VendorUsage {
  const header = headers[BILLABLE_UNITS_HEADER];
  const units = header === undefined || header.trim() === '' ? Number.NaN : Number(header);
  const billed = operation.billable_unit !== undefined && Number.isFinite(units) && units >= 0 ? { [operation.billable_unit]: units } : {};
  return { images: made, ...billed };
}

function imagesOf(body: unknown): MediaSource[] {
  const fields = asObject(body) ?? {};
  const list = asArray(fields.images).length > 0 ? asArray(fields.images) : [fields.image ?? fields.output];
  return list.map(mediaOf).filter((media) => media !== undefined);
}

function videosOf(body: unknown): MediaSource[] {
  const fields = asObject(body) ?? {};
  const media = [fields.video, asArray(fields.videos)[0], fields.video_url, fields.output]
    .map(mediaOf)
    .find((found) => found !== undefined);
  return media === undefined ? [] : [media];
}

/** A file as `{url}` or as the bare link. Some models answer with a data URL. */
function mediaOf(file: unknown): MediaSource | undefined {
  const url = asText(file) ?? asText(asObject(file)?.url);
  if (url === undefined) return undefined;
  const inline = /^data:[^,]*;base64,/.exec(url);
  if (inline !== null) return { kind: 'bytes', data: new Uint8Array(Buffer.from(url.slice(inline[0].length), 'base64')) };
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) ? { kind: 'url', url } : undefined;
}
