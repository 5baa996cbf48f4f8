import type { ByteReader } from './byte-reader.js';

const ZEROS = Buffer.alloc(65_536);

/** Zeros in the place of the next `length` bytes, so that nothing behind them moves. */
export async function* blank(reader: ByteReader, length: number): AsyncGenerator<Buffer, void> {
  for await (const part of reader.pass(length)) {
    for (let at = 0; at < part.length; at += ZEROS.length) yield ZEROS.subarray(0, Math.min(ZEROS.length, part.length - at));
  }
}
