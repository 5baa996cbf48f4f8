import type { CallContext, Finished, MediaSource, OperationStatus, Output, VendorUsage, Withheld } from '@litegen/plugin-sdk';
import { list, mediaOf, readOutputs, record, text } from '@litegen/plugin-sdk';
import { declaredFailure, vendorFailure } from './failures.js';
import type { FalOperation } from './operation.js';

export type MediaKind = 'image' | 'video';

/** fal's header for what it bills, counted in the model's own unit. */
export const BILLABLE_UNITS_HEADER = 'x-fal-billable-units';

/** A picture is flagged beside the list of pictures. fal bills for it all the same. */
const FLAGGED: Withheld = {
  count: 1,
  code: 'content_rejected',
  charged: 'yes',
  message: 'fal: the output was flagged as not safe for work',
  vendorCode: 'has_nsfw_concepts',
};

/** A result body as the end of an operation. Blocked pictures are no pictures, and what is no picture costs none of the others. */
export function readResult(
  kind: MediaKind,
  body: unknown,
  operation: FalOperation,
  headers: Readonly<Record<string, string>>,
  call: CallContext,
): OperationStatus {
  const flags = list(record(body)?.has_nsfw_concepts);
  const read = (kind === 'image' ? imagesOf(body) : videosOf(body)).map((item, index) => ({
    ...readOutputs([item]),
    isFlagged: flags[index] === true,
  }));
  const made = read.flatMap(({ outputs, isFlagged }) => outputs.map(({ media }) => ({ media, isFlagged })));
  const kept = made.filter(({ isFlagged }) => !isFlagged).map(({ media }) => media);
  const withheld = read.flatMap((one): Withheld[] => (one.isFlagged && one.outputs.length > 0 ? [FLAGGED] : one.withheld));
  if (kept.length > 0) {
    const told = withheld.length === 0 ? {} : { withheld };
    return { state: 'succeeded', ...finished(body, kept, made.length, operation, headers), ...told };
  }
  return { state: 'failed', error: whyNothing(kind, body, withheld, call) };
}

function whyNothing(kind: MediaKind, body: unknown, withheld: readonly Withheld[], call: CallContext) {
  const reason = withheld.find(({ code }) => code !== 'invalid_response');
  if (reason !== undefined) {
    const { code, charged, message = '', vendorCode } = reason;
    return { code, charged, message, vendorCode };
  }
  const failure = declaredFailure(body);
  if (failure !== undefined) return vendorFailure(failure, call);
  return { code: 'invalid_response', charged: 'unknown', message: `fal: the result holds no ${kind}` } as const;
}

function finished(
  body: unknown,
  kept: readonly MediaSource[],
  made: number,
  operation: FalOperation,
  headers: Readonly<Record<string, string>>,
): Finished {
  const fields = record(body) ?? {};
  const revisedPrompt = text(fields.actual_prompt) ?? text(fields.prompt);
  // With several outputs, fal's one seed is that of the batch and would repeat none of them alone.
  const seed = made === 1 && typeof fields.seed === 'number' && Number.isSafeInteger(fields.seed) ? fields.seed : undefined;
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

function imagesOf(body: unknown): readonly unknown[] {
  const { images, image, output, data } = record(body) ?? {};
  const found = [list(images), list(data), list(output)].find((items) => items.length > 0);
  return found ?? [image ?? output].filter((item) => item !== undefined);
}

function videosOf(body: unknown): readonly unknown[] {
  const { video, videos, video_url: link, output } = record(body) ?? {};
  const places = [video, list(videos)[0], link, output].filter((item) => item !== undefined);
  return [places.find((item) => mediaOf(item) !== undefined) ?? places[0]].filter((item) => item !== undefined);
}
