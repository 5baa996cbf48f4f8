import { setImmediate } from 'node:timers/promises';
import { ByteBuffer } from './byte-buffer.js';
import type { Canvas } from './canvas.js';

/** Samples of a block's side. */
const SIDE = 8;
const BLOCK = SIDE * SIDE;

/** Places of a block's coefficients in the order in which they are coded (ITU-T T.81, figure A.6). */
const ZIGZAG = Array.from({ length: BLOCK }, (_unused, place) => place).sort((first, second) => {
  const [firstSum, secondSum] = [diagonal(first), diagonal(second)];
  if (firstSum !== secondSum) return firstSum - secondSum;
  return firstSum % 2 === 0 ? second - first : first - second;
});

/** Coarser for finer detail, which nobody sees. */
const QUANTIZERS = Array.from({ length: BLOCK }, (_unused, place) => 2 + diagonal(place));

const COSINES = Float64Array.from({ length: BLOCK }, (_unused, index) => {
  const [frequency, sample] = [Math.floor(index / SIDE), index % SIDE];
  return (frequency === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * sample + 1) * frequency * Math.PI) / (2 * SIDE));
});

/** What is coded before each number: how many zeros come first and how many bits it has. Most blocks end early. */
const END_OF_BLOCK = 0x00;
const SIXTEEN_ZEROS = 0xf0;
const LONGEST_DC = 11;
const LONGEST_AC = 10;

/** One symbol of one bit and the others of one length, which is simple and close enough. */
interface PrefixCode {
  readonly symbols: readonly number[];
  /** Bits of all but the first. */
  readonly bits: number;
}

const DC: PrefixCode = { symbols: Array.from({ length: LONGEST_DC + 1 }, (_unused, size) => size), bits: 5 };
const AC: PrefixCode = {
  symbols: [
    END_OF_BLOCK,
    SIXTEEN_ZEROS,
    ...Array.from({ length: 16 * LONGEST_AC }, (_unused, index) => (Math.floor(index / LONGEST_AC) << 4) | ((index % LONGEST_AC) + 1)),
  ],
  bits: 9,
};

function diagonal(place: number): number {
  return (place % SIDE) + Math.floor(place / SIDE);
}

/** The coded data: most significant bits first, a zero byte behind each 0xff. */
class CodedBits {
  readonly #bytes = new ByteBuffer();
  #pending = 0;
  #count = 0;

  write(value: number, bits: number): void {
    this.#pending = (this.#pending << bits) | value;
    this.#count += bits;
    while (this.#count >= 8) {
      this.#count -= 8;
      this.#push((this.#pending >> this.#count) & 0xff);
    }
    this.#pending &= (1 << this.#count) - 1;
  }

  /** The last byte is filled with ones. */
  end(): Uint8Array {
    if (this.#count > 0) this.write((1 << (8 - this.#count)) - 1, 8 - this.#count);
    return this.#bytes.written();
  }

  #push(byte: number): void {
    this.#bytes.push(byte);
    if (byte === 0xff) this.#bytes.push(0);
  }
}

function segment(marker: number, ...data: number[]): Buffer {
  return Buffer.from([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 0xff, ...data]);
}

function huffmanTable(place: number, { symbols, bits }: PrefixCode): Buffer {
  const counts = Array.from({ length: 16 }, (_unused, index) => (index === 0 ? 1 : index + 1 === bits ? symbols.length - 1 : 0));
  return segment(0xc4, place, ...counts, ...symbols);
}

type Code = readonly [code: number, bits: number];

/** By symbol: the first is a 0, the others begin with a 1. */
function codesOf({ symbols, bits }: PrefixCode): readonly Code[] {
  const codes: Code[] = [];
  symbols.forEach((symbol, index) => {
    codes[symbol] = index === 0 ? [0, 1] : [(1 << (bits - 1)) + index - 1, bits];
  });
  return codes;
}

const DC_CODES = codesOf(DC);
const AC_CODES = codesOf(AC);

function header({ width, height }: Canvas): Buffer {
  const size = [height >> 8, height & 0xff, width >> 8, width & 0xff];
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, ...Buffer.from('JFIF\0', 'latin1'), 1, 1, 0, 0, 1, 0, 1, 0, 0),
    segment(0xdb, 0, ...ZIGZAG.map((place) => QUANTIZERS[place] ?? 1)),
    segment(0xc0, 8, ...size, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0),
    huffmanTable(0x00, DC),
    huffmanTable(0x10, AC),
    segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0),
  ]);
}

/** Luma and the two chromas of the picture's block, level around 0; beyond the edge the last row and column go on. */
function readBlock({ width, height, channels, pixels }: Canvas, left: number, top: number, planes: readonly Float64Array[]): void {
  const [luma, blue, red] = planes as [Float64Array, Float64Array, Float64Array];
  for (let place = 0; place < BLOCK; place++) {
    const x = Math.min(width - 1, left + (place & 7));
    const y = Math.min(height - 1, top + (place >> 3));
    const offset = (y * width + x) * channels;
    const r = pixels[offset] ?? 0;
    const g = pixels[offset + 1] ?? 0;
    const b = pixels[offset + 2] ?? 0;
    luma[place] = 0.299 * r + 0.587 * g + 0.114 * b - 128;
    blue[place] = -0.168736 * r - 0.331264 * g + 0.5 * b;
    red[place] = 0.5 * r - 0.418688 * g - 0.081312 * b;
  }
}

/** The discrete cosine transform, by rows and then by columns. */
function transform(samples: Float64Array, half: Float64Array): void {
  for (let row = 0; row < BLOCK; row += SIDE) product(samples, row, 1, half, row, 1);
  for (let column = 0; column < SIDE; column++) product(half, column, SIDE, samples, column, SIDE);
}

function product(from: Float64Array, start: number, step: number, to: Float64Array, place: number, stride: number): void {
  for (let frequency = 0; frequency < SIDE; frequency++) {
    let sum = 0;
    for (let sample = 0; sample < SIDE; sample++) sum += (from[start + sample * step] ?? 0) * (COSINES[frequency * SIDE + sample] ?? 0);
    to[place + frequency * stride] = sum;
  }
}

function writeNumber(bits: CodedBits, value: number, size: number): void {
  if (size > 0) bits.write(value < 0 ? value + (1 << size) - 1 : value, size);
}

function sizeOf(value: number): number {
  return value === 0 ? 0 : 32 - Math.clz32(Math.abs(value));
}

/** By its place in the order of coding. */
function coefficient(samples: Float64Array, index: number): number {
  const place = ZIGZAG[index] ?? 0;
  return Math.round((samples[place] ?? 0) / (QUANTIZERS[place] ?? 1));
}

/** Answers the block's mean, from which that of the next is told. */
function writeBlock(bits: CodedBits, samples: Float64Array, previousMean: number): number {
  const mean = coefficient(samples, 0);
  const size = sizeOf(mean - previousMean);
  bits.write(...(DC_CODES[size] as Code));
  writeNumber(bits, mean - previousMean, size);
  let zeros = 0;
  for (let index = 1; index < BLOCK; index++) {
    const value = coefficient(samples, index);
    if (value === 0) {
      zeros += 1;
      continue;
    }
    for (; zeros > 15; zeros -= 16) bits.write(...(AC_CODES[SIXTEEN_ZEROS] as Code));
    bits.write(...(AC_CODES[(zeros << 4) | sizeOf(value)] as Code));
    writeNumber(bits, value, sizeOf(value));
    zeros = 0;
  }
  if (zeros > 0) bits.write(...(AC_CODES[END_OF_BLOCK] as Code));
  return mean;
}

/** The picture as a JPEG file: baseline, all three components in full (ITU-T T.81). Gives other work a turn after every row of blocks. */
export async function encodeJpeg(canvas: Canvas): Promise<Uint8Array> {
  const bits = new CodedBits();
  const planes = [0, 1, 2].map(() => new Float64Array(BLOCK));
  const half = new Float64Array(BLOCK);
  const means = [0, 0, 0];
  for (let top = 0; top < canvas.height; top += SIDE) {
    for (let left = 0; left < canvas.width; left += SIDE) {
      readBlock(canvas, left, top, planes);
      planes.forEach((plane, component) => {
        transform(plane, half);
        means[component] = writeBlock(bits, plane, means[component] ?? 0);
      });
    }
    await setImmediate();
  }
  return Buffer.concat([header(canvas), bits.end(), Buffer.from([0xff, 0xd9])]);
}
