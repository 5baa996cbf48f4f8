import type { BitWriter } from './bits.js';

type Code = readonly [bits: number, length: number];

// coeff_token for chroma DC (ITU-T H.264 table 9-5, nC = -1), by total_coeff, then trailing_ones.
const CHROMA_DC_TOKENS: readonly (readonly Code[])[] = [
  [[0b01, 2]],
  [
    [0b000111, 6],
    [0b1, 1],
  ],
  [
    [0b000100, 6],
    [0b000110, 6],
    [0b001, 3],
  ],
  [
    [0b000011, 6],
    [0b0000011, 7],
    [0b0000010, 7],
    [0b000101, 6],
  ],
  [
    [0b000010, 6],
    [0b00000011, 8],
    [0b00000010, 8],
    [0b0000000, 7],
  ],
];

// total_zeros for chroma DC (table 9-9 a), by total_coeff, then total_zeros.
const CHROMA_DC_TOTAL_ZEROS: readonly (readonly Code[])[] = [
  [],
  [
    [0b1, 1],
    [0b01, 2],
    [0b001, 3],
    [0b000, 3],
  ],
  [
    [0b1, 1],
    [0b01, 2],
    [0b00, 2],
  ],
  [
    [0b1, 1],
    [0b0, 1],
  ],
];

// run_before (table 9-10), by zeros_left, then run_before; more than three zeros cannot be left in a chroma DC block.
const RUN_BEFORE: readonly (readonly Code[])[] = [
  [],
  [
    [0b1, 1],
    [0b0, 1],
  ],
  [
    [0b1, 1],
    [0b01, 2],
    [0b00, 2],
  ],
  [
    [0b11, 2],
    [0b10, 2],
    [0b01, 2],
    [0b00, 2],
  ],
];

function put(writer: BitWriter, code: Code | undefined): void {
  if (code === undefined) throw new RangeError('no such code');
  writer.bits(code[0], code[1]);
}

/** Levels from the last to the first (clause 9.2.2), after the trailing ones were told. */
function writeLevels(writer: BitWriter, levels: readonly number[], trailingOnes: number): void {
  for (const level of levels.slice(0, trailingOnes)) writer.bits(level < 0 ? 1 : 0, 1);
  // Blocks here have at most four coefficients, so the suffix always starts empty.
  let suffixLength = 0;
  levels.slice(trailingOnes).forEach((level, index) => {
    let code = level > 0 ? 2 * level - 2 : -2 * level - 1;
    if (index === 0 && trailingOnes < 3) code -= 2;
    const escapeCode = suffixLength === 0 ? 30 : 15 << suffixLength;
    if (suffixLength === 0 && code < 14) {
      writer.bits(1, code + 1);
    } else if (suffixLength === 0 && code < 30) {
      writer.bits(1, 15);
      writer.bits(code - 14, 4);
    } else if (suffixLength > 0 && code < escapeCode) {
      writer.bits(1, (code >> suffixLength) + 1);
      writer.bits(code & ((1 << suffixLength) - 1), suffixLength);
    } else {
      writer.bits(1, 16);
      writer.bits(code - escapeCode, 12);
    }
    if (suffixLength === 0) suffixLength = 1;
    if (Math.abs(level) > 3 << (suffixLength - 1) && suffixLength < 6) suffixLength++;
  });
}

function countTrailingOnes(levels: readonly number[]): number {
  const other = levels.findIndex((level) => Math.abs(level) !== 1);
  return Math.min(3, other < 0 ? levels.length : other);
}

/** Intra16x16DCLevel of a block of which only the first coefficient can differ from 0. `context` is nC: 0, 8 or 16. */
export function writeLumaDc(writer: BitWriter, level: number, context: number): void {
  const trailingOnes = Math.abs(level) === 1 ? 1 : 0;
  if (context >= 8) writer.bits(level === 0 ? 0b000011 : trailingOnes, 6);
  else if (level === 0) writer.bits(0b1, 1);
  else writer.bits(trailingOnes === 1 ? 0b01 : 0b000101, trailingOnes === 1 ? 2 : 6);
  if (level === 0) return;
  writeLevels(writer, [level], trailingOnes);
  // total_zeros is 0: nothing comes before the first coefficient.
  writer.bits(0b1, 1);
}

/** ChromaDCLevel: four coefficients in their order. */
export function writeChromaDc(writer: BitWriter, coefficients: readonly number[]): void {
  const places = coefficients.flatMap((level, place) => (level === 0 ? [] : [place])).reverse();
  const levels = places.map((place) => coefficients[place] ?? 0);
  const trailingOnes = countTrailingOnes(levels);
  put(writer, CHROMA_DC_TOKENS[levels.length]?.[trailingOnes]);
  if (levels.length === 0) return;
  writeLevels(writer, levels, trailingOnes);
  let zerosLeft = (places[0] ?? 0) + 1 - levels.length;
  if (levels.length < 4) put(writer, CHROMA_DC_TOTAL_ZEROS[levels.length]?.[zerosLeft]);
  for (let index = 0; index + 1 < places.length && zerosLeft > 0; index++) {
    const run = (places[index] ?? 0) - (places[index + 1] ?? 0) - 1;
    put(writer, RUN_BEFORE[zerosLeft]?.[run]);
    zerosLeft -= run;
  }
}
