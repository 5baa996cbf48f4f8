import type { InputMedia } from '@litegen/plugin-sdk';
import type { Canvas } from './canvas.js';
import type { Rgb } from './colours.js';
import { hashedColour } from './colours.js';
import { decodePng } from './png-decode.js';

/** Cells per side of a {@link Reference.mosaic}. */
export const MOSAIC_SIDE = 16;

// More are shown by their fingerprints, which keeps operations small.
const MAX_DECODED = 4;
const MAX_DECODED_BYTES = 16 * 1024 * 1024;

/** What a picture or clip shows of an input file; plain JSON, so that an operation can carry it. */
export type Reference = {
  role: string;
  /** The first eight hex digits of the file's SHA-256. */
  fingerprint: string;
  width: number;
  height: number;
  /** Base64 of 16 × 16 RGB samples; absent when the file is not a PNG that the plugin reads. */
  mosaic?: string;
};

function sample(canvas: Canvas): string {
  const cells = Buffer.alloc(MOSAIC_SIDE * MOSAIC_SIDE * 3);
  for (let row = 0; row < MOSAIC_SIDE; row++) {
    for (let column = 0; column < MOSAIC_SIDE; column++) {
      const x = Math.floor(((column + 0.5) * canvas.width) / MOSAIC_SIDE);
      const y = Math.floor(((row + 0.5) * canvas.height) / MOSAIC_SIDE);
      const source = (y * canvas.width + x) * canvas.channels;
      cells.set(canvas.pixels.subarray(source, source + 3), (row * MOSAIC_SIDE + column) * 3);
    }
  }
  return cells.toString('base64');
}

/** Looks at the inputs of a request, decoding the first few. */
export async function lookAt(inputs: readonly InputMedia[]): Promise<Reference[]> {
  const references: Reference[] = [];
  for (const [index, input] of inputs.entries()) {
    const readable = input.contentType === 'image/png' && index < MAX_DECODED && input.bytes <= MAX_DECODED_BYTES;
    const canvas = readable ? await decodePng(await input.read()) : undefined;
    references.push({
      role: input.role,
      fingerprint: input.sha256.slice(0, 8),
      width: canvas?.width ?? input.width ?? 1,
      height: canvas?.height ?? input.height ?? 1,
      ...(canvas === undefined ? {} : { mosaic: sample(canvas) }),
    });
  }
  return references;
}

/** The colour of a reference's cell, `column` and `row` from 0 to 1; one flat colour of its fingerprint when it was not decoded. */
export function cellColour(reference: Reference, cells: Uint8Array | undefined, column: number, row: number): Rgb {
  if (cells === undefined) return hashedColour(Buffer.from(reference.fingerprint, 'hex'), 0);
  const at = (share: number): number => Math.min(MOSAIC_SIDE - 1, Math.floor(share * MOSAIC_SIDE));
  return hashedColour(cells, (at(row) * MOSAIC_SIDE + at(column)) * 3);
}

export function cellsOf(reference: Reference): Uint8Array | undefined {
  return reference.mosaic === undefined ? undefined : Buffer.from(reference.mosaic, 'base64');
}

/** The mean colour of a decoded reference. */
export function averageColour(reference: Reference): Rgb | undefined {
  const cells = cellsOf(reference);
  if (cells === undefined) return undefined;
  const sums: Rgb = [0, 0, 0];
  cells.forEach((value, index) => {
    sums[(index % 3) as 0 | 1 | 2] += value;
  });
  const count = cells.length / 3;
  return [Math.round(sums[0] / count), Math.round(sums[1] / count), Math.round(sums[2] / count)];
}
