import { setImmediate } from 'node:timers/promises';
import { ByteBuffer } from './byte-buffer.js';
import type { Canvas } from './canvas.js';

/** Rows between two turns for other work. */
const ROWS_PER_TURN = 32;
const SIGNATURE = 0x2f;
const SUBTRACT_GREEN = 2;
const PREDICTOR = 0;
/** Of the predictors: the pixel to the left. */
const LEFT = 1;
/** Squares of 512 pixels have a predictor of their own; here it is one for all. */
const PREDICTOR_SQUARE_BITS = 9;
const OPAQUE = 255;

/** Lengths of codes: 0 has one bit, 1 has eight and the others have nine, so that what is as predicted takes next to nothing. */
const FREQUENT_BITS = 1;
const SECOND_BITS = 8;
const OTHER_BITS = 9;
const VALUES = 256;
/** Green shares its alphabet with the lengths of repetitions, of which there are none here. */
const REPETITION_LENGTHS = 24;

/** The bits of VP8L: least significant ones first. */
class CodedBits {
  readonly #bytes = new ByteBuffer();
  #pending = 0;
  #count = 0;

  write(value: number, bits: number): void {
    this.#pending |= value << this.#count;
    this.#count += bits;
    while (this.#count >= 8) {
      this.#bytes.push(this.#pending & 0xff);
      this.#pending >>>= 8;
      this.#count -= 8;
    }
  }

  end(): Uint8Array {
    if (this.#count > 0) this.#bytes.push(this.#pending & 0xff);
    return this.#bytes.written();
  }
}

/** A prefix code is read from its first bit on. */
function reversed(code: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) result |= ((code >> bit) & 1) << (bits - 1 - bit);
  return result;
}

/** By value: the canonical code of {@link FREQUENT_BITS} and the others. */
const CODES = Array.from({ length: VALUES }, (_unused, value): readonly [code: number, bits: number] => {
  if (value === 0) return [0, FREQUENT_BITS];
  if (value === 1) return [reversed(1 << (SECOND_BITS - 1), SECOND_BITS), SECOND_BITS];
  return [reversed(VALUES + value, OTHER_BITS), OTHER_BITS];
});

/** A code of one value takes no bits at all. */
function writeConstant(bits: CodedBits, value: number): void {
  bits.write(1, 1);
  bits.write(0, 1);
  bits.write(1, 1);
  bits.write(value, 8);
}

/** The lengths of {@link CODES}, themselves in a prefix code: 9 is `0`, 8 is `10`, 0 is `110` and 1 is `111`. */
function writeCode(bits: CodedBits, unused: number): void {
  bits.write(0, 1);
  // In the order that the format has for them: 17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9.
  const lengths = [0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 2, 1];
  bits.write(lengths.length - 4, 4);
  for (const length of lengths) bits.write(length, 3);
  bits.write(0, 1);
  bits.write(0b111, 3);
  bits.write(0b01, 2);
  for (let value = 2; value < VALUES; value++) bits.write(0, 1);
  for (let value = 0; value < unused; value++) bits.write(0b011, 3);
}

function writeHeader(bits: CodedBits, { width, height, channels }: Canvas): void {
  bits.write(SIGNATURE, 8);
  bits.write(width - 1, 14);
  bits.write(height - 1, 14);
  bits.write(channels === 4 ? 1 : 0, 1);
  bits.write(0, 3);
  bits.write(1, 1);
  bits.write(SUBTRACT_GREEN, 2);
  bits.write(1, 1);
  bits.write(PREDICTOR, 2);
  bits.write(PREDICTOR_SQUARE_BITS - 2, 3);
  // A picture of one colour, whose green is the predictor.
  bits.write(0, 1);
  for (const value of [LEFT, 0, 0, 0, 0]) writeConstant(bits, value);
  bits.write(0, 1);
  // No cache of colours and one set of codes for the whole picture.
  bits.write(0, 1);
  bits.write(0, 1);
  writeCode(bits, REPETITION_LENGTHS);
  writeCode(bits, 0);
  writeCode(bits, 0);
  if (channels === 4) writeCode(bits, 0);
  else writeConstant(bits, 0);
  writeConstant(bits, 0);
}

/** A row as differences: red and blue from green, and every one of these from that to the left, or above it in the first column. */
function writeRow(bits: CodedBits, { width, channels, pixels }: Canvas, y: number): void {
  const stride = width * channels;
  const start = y * stride;
  let above = y === 0 ? -1 : start - stride;
  for (let offset = start; offset < start + stride; offset += channels) {
    const green = at(pixels, offset, 1);
    const before = { green: 0, red: 0, blue: 0, alpha: OPAQUE };
    if (above >= 0) {
      before.green = at(pixels, above, 1);
      before.red = at(pixels, above, 0) - before.green;
      before.blue = at(pixels, above, 2) - before.green;
      if (channels === 4) before.alpha = at(pixels, above, 3);
    }
    bits.write(...code(green - before.green));
    bits.write(...code(at(pixels, offset, 0) - green - before.red));
    bits.write(...code(at(pixels, offset, 2) - green - before.blue));
    if (channels === 4) bits.write(...code(at(pixels, offset, 3) - before.alpha));
    above = offset;
  }
}

function at(pixels: Uint8Array, offset: number, channel: number): number {
  return pixels[offset + channel] ?? 0;
}

function code(difference: number): readonly [number, number] {
  return CODES[difference & 0xff] ?? [0, FREQUENT_BITS];
}

/** The picture as a WebP file without loss (RFC 9649, section 3). Gives other work a turn now and then. */
export async function encodeWebp(canvas: Canvas): Promise<Uint8Array> {
  const bits = new CodedBits();
  writeHeader(bits, canvas);
  for (let y = 0; y < canvas.height; y++) {
    writeRow(bits, canvas, y);
    if (y % ROWS_PER_TURN === 0) await setImmediate();
  }
  const data = bits.end();
  const padded = data.length + (data.length % 2);
  const file = Buffer.alloc(20 + padded);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(12 + padded, 4);
  file.write('WEBPVP8L', 8, 'latin1');
  file.writeUInt32LE(data.length, 16);
  file.set(data, 20);
  return file;
}
