import { UnreadableBody } from './unreadable.js';

const FIRST_BYTES = 4096;

/** Bytes that grow up to a cap: what is left of a JSON body once its media went to the store. */
export class JsonText {
  private buffer = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;

  constructor(private readonly maxBytes: number) {}

  /** @throws UnreadableBody past the cap. */
  append(bytes: Uint8Array): void {
    const length = this.length + bytes.byteLength;
    if (length > this.maxBytes) throw new UnreadableBody(`its body exceeds ${this.maxBytes} bytes beside its media`);
    if (length > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(length, this.buffer.length * 2), this.maxBytes));
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.length);
    this.length = length;
  }

  text(start = 0, end = this.length): string {
    return this.buffer.toString('utf8', start, end);
  }
}
