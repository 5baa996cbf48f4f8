import { ByteBuffer } from './byte-buffer.js';

/** Writes a bit stream, most significant bit first, with the codes of H.264 (ITU-T H.264, clause 9.1). */
export class BitWriter {
  readonly #bytes: ByteBuffer;
  #current = 0;
  #free = 8;

  constructor(expectedBytes = 1024) {
    this.#bytes = new ByteBuffer(expectedBytes);
  }

  /** The lowest `count` bits of a value, at most 32. */
  bits(value: number, count: number): void {
    for (let left = count; left > 0; ) {
      const taken = Math.min(left, this.#free);
      const part = (value >>> (left - taken)) & ((1 << taken) - 1);
      this.#free -= taken;
      this.#current |= part << this.#free;
      left -= taken;
      if (this.#free === 0) this.#flush();
    }
  }

  /** ue(v): an unsigned Exp-Golomb code. */
  unsigned(value: number): void {
    const code = value + 1;
    const length = 32 - Math.clz32(code);
    this.bits(0, length - 1);
    this.bits(code, length);
  }

  /** se(v): a signed Exp-Golomb code. */
  signed(value: number): void {
    this.unsigned(value > 0 ? 2 * value - 1 : -2 * value);
  }

  /** Fills the current byte with zero bits. */
  align(): void {
    if (this.#free < 8) this.#flush();
  }

  /** Whole bytes; the stream has to be aligned. */
  bytes(data: Uint8Array): void {
    this.#bytes.append(data);
  }

  /** rbsp_trailing_bits, and what was written. */
  finish(): Uint8Array {
    this.bits(1, 1);
    this.align();
    return this.#bytes.written();
  }

  #flush(): void {
    this.#bytes.push(this.#current);
    this.#current = 0;
    this.#free = 8;
  }
}
