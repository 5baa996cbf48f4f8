import { createHash } from 'node:crypto';
import type { CallContext, ImageProvider, ImageRequest, JsonObject, Size } from '@litegen/plugin-sdk';
import { ProviderError } from '@litegen/plugin-sdk';
import type { Canvas } from './canvas.js';
import { hashedColour, mix, paletteOf } from './colours.js';
import { sizeForRatio } from './dimensions.js';
import { encodeJpeg } from './jpeg.js';
import type { MockOptions } from './options.js';
import { drawPicture, type PictureSpec } from './picture.js';
import { type Medium, PlayedVendor } from './played-vendor.js';
import { encodePng } from './png.js';
import { digestOf } from './random.js';
import { averageColour, lookAt } from './references.js';
import { printable } from './text.js';
import type { VendorState } from './vendor-state.js';
import { encodeWebp } from './webp.js';

const DEFAULT_SIDE = 512;
const MULTIPLE_OF = 8;
const MAX_PIXELS = 4096 * 4096;
const DEFAULT_DETAIL = 10;
const DETAIL: Readonly<Record<string, number>> = { low: 4, high: 24, hd: 24, ultra: 40 };
// How much of a reference's colour an edit keeps when the request names neither strength nor fidelity.
const DEFAULT_KEPT = 0.8;
const KEPT: Readonly<Record<string, number>> = { low: 0.3, high: 0.95 };
// Divisors of the shorter side: the squares of the first partial image are the largest.
const PARTIAL_SQUARES = [8, 16, 32, 64, 128];

/** `upstream` of an image model: `look: hash` for the flat look, `side` for the longer side without a size, pixels. */
function readUpstream(upstream: JsonObject): { look: PictureSpec['look']; side: number } {
  const { look, side } = upstream;
  return { look: look === 'hash' ? 'hash' : 'gradient', side: typeof side === 'number' ? side : DEFAULT_SIDE };
}

function sizeOf(request: ImageRequest, call: CallContext, side: number): Size {
  const { size, aspect_ratio: ratio } = request.params;
  if (size !== undefined && size !== 'auto') {
    if (ratio !== undefined) call.warn({ param: 'aspect_ratio', action: 'dropped', message: 'size decides when both are given' });
    return size;
  }
  const square = { width: side, height: side };
  if (ratio === undefined) return square;
  const fitted = sizeForRatio(ratio, side, 'longest', MULTIPLE_OF);
  if (fitted === undefined) call.warn({ param: 'aspect_ratio', action: 'dropped', message: 'not a ratio from 1:10 to 10:1' });
  return fitted ?? square;
}

const PICTURES: Medium<ImageRequest, PictureSpec> = {
  name: 'image',
  mode: 'sync',

  async prepare(request, call, { text, digest }) {
    const { look, side } = readUpstream(request.model.upstream);
    const { width, height } = sizeOf(request, call, side);
    if (width * height > MAX_PIXELS) {
      throw new ProviderError('invalid_request', `a picture has at most ${MAX_PIXELS} pixels`, { param: 'size' });
    }
    const { quality, strength, background, output_format: format = 'png', input_fidelity: fidelity } = request.params;
    const known = format === 'jpeg' || format === 'webp' ? format : undefined;
    if (known === undefined && format !== 'png')
      call.warn({ param: 'output_format', action: 'mapped', message: 'the mock vendor draws PNG, JPEG and WebP' });
    const references = await lookAt(request.inputs);
    const palette = paletteOf(text);
    if (look === 'hash') palette.from = hashedColour(createHash('sha256').update(text).digest(), 0);
    const average = references[0] === undefined ? undefined : averageColour(references[0]);
    if (average !== undefined)
      palette.to = mix(palette.to, average, strength === undefined ? (KEPT[fidelity ?? ''] ?? DEFAULT_KEPT) : 1 - strength);
    const facts = [
      request.model.id,
      `${width}x${height}`,
      ...(quality === undefined ? [] : [`quality ${quality}`]),
      ...(references.length === 0 ? [] : [`${references.length} input${references.length === 1 ? '' : 's'}`]),
      ...(fidelity === undefined ? [] : [`fidelity ${fidelity}`]),
    ];
    return {
      width,
      height,
      text: printable(text),
      caption: facts.join('  '),
      palette,
      look,
      // A JPEG has no transparent pixels.
      transparent: background === 'transparent' && known !== 'jpeg',
      ...(known === undefined ? {} : { format: known }),
      detail: (quality === undefined ? undefined : DETAIL[quality]) ?? DEFAULT_DETAIL,
      digest,
      references,
    };
  },

  async render(spec, index, seed) {
    return encode(drawOutput(spec, index, seed), spec);
  },

  async partials(spec, request, seed) {
    if (request.partialImages === 0) return [];
    const canvas = drawOutput(spec, 0, seed);
    const shorter = Math.min(spec.width, spec.height);
    const squares = PARTIAL_SQUARES.slice(0, request.partialImages).map((count) => Math.max(1, Math.round(shorter / count)));
    return Promise.all(squares.map((side) => encode(canvas.pixelated(side), spec)));
  },

  usage(_spec, count) {
    return { images: count };
  },
};

function encode(canvas: Canvas, { format }: PictureSpec): Promise<Uint8Array> {
  if (format === 'jpeg') return encodeJpeg(canvas);
  return format === 'webp' ? encodeWebp(canvas) : encodePng(canvas);
}

function drawOutput(spec: PictureSpec, index: number, seed: number): ReturnType<typeof drawPicture> {
  const digest = index === 0 ? spec.digest : digestOf([spec.digest, index]);
  return drawPicture({ ...spec, digest, caption: `${spec.caption}  seed ${seed}` });
}

/** Draws pictures, at once unless the request asks for an operation. */
export function imageProvider(options: MockOptions, state: VendorState): ImageProvider {
  return new PlayedVendor(PICTURES, options, state);
}
