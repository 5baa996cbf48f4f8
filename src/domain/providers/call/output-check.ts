import type { ProviderError } from '@litegen/plugin-sdk';
import { MODALITIES, type Modality } from '../../catalog/index.js';
import type { StoredBlob } from '../../storage/index.js';

/** Their size stands where it is always found. Of others, such as SVG, HEIC or JPEG XL, it may be missing. */
const SIZED = new Set(['image/png', 'image/apng', 'image/jpeg', 'image/webp', 'image/gif', 'image/bmp']);
/** Behind metadata that is longer, a JPEG's size is not looked for. */
const MOST_JPEG_METADATA_BYTES = 1_048_576;
const TIMED = new Set(['video/mp4', 'video/quicktime', 'video/webm', 'video/matroska']);

/**
 * Why a file is not what was asked for, judged by its bytes alone; undefined when it is. A moving picture (GIF, APNG, animated WebP) also
 * counts as a video.
 */
export function faultOf(blob: StoredBlob, modality: Modality): string | undefined {
  const { files } = MODALITIES[modality];
  if (files === null) return 'no file was asked for';
  const { contentType, bytes, width, durationMs, cutShort, animated } = blob;
  if (bytes === 0) return 'it is empty';
  const isMoving = contentType === 'image/gif' || animated === true;
  const isOfKind = contentType.startsWith(files.contentTypePrefix) || (files.acceptsMovingImages && isMoving);
  if (!isOfKind) return `it is no ${modality} (${contentType})`;
  if (cutShort === true) return 'it is cut short';
  const isDeep = contentType === 'image/jpeg' && bytes > MOST_JPEG_METADATA_BYTES;
  if (SIZED.has(contentType) && width === undefined && !isDeep) return 'its size cannot be read';
  if (TIMED.has(contentType) && width === undefined && durationMs === undefined) return 'neither its size nor its duration can be read';
  return undefined;
}

/**
 * How often a file is asked for that could not be had: `never` where it would be the same again, `briefly` where its host may not be ready
 * yet, and `until_deadline` where something is down for now.
 */
export type OutputRetry = 'never' | 'briefly' | 'until_deadline';

/** Why an output is not in the store. What the vendor finished is mostly paid for. */
export class OutputFailure extends Error {
  constructor(
    readonly failure: ProviderError,
    readonly retry: OutputRetry,
  ) {
    super(failure.message, { cause: failure });
    this.name = 'OutputFailure';
  }
}
