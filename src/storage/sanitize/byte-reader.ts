import { invalidReference } from './errors.js';

const EMPTY: Buffer = Buffer.alloc(0);

/** Pulls a byte stream apart. What is taken shares the stream's memory: it is to be used before more is asked for. */
export class ByteReader {
  private buffer = EMPTY;
  private readonly source: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source[Symbol.asyncIterator]();
  }

  /** What is at hand without waiting. */
  get window(): Buffer {
    return this.buffer;
  }

  /** Waits until so many bytes are at hand. False when the stream ends before. */
  async fill(count: number): Promise<boolean> {
    if (this.buffer.length >= count) return true;
    const parts = [this.buffer];
    let length = this.buffer.length;
    while (length < count) {
      const next = await this.source.next();
      if (next.done === true) break;
      const { buffer, byteOffset, byteLength } = next.value;
      if (byteLength === 0) continue;
      parts.push(Buffer.from(buffer, byteOffset, byteLength));
      length += byteLength;
    }
    const [only, ...more] = parts.filter((part) => part.length > 0);
    this.buffer = more.length === 0 ? (only ?? EMPTY) : Buffer.concat(parts, length);
    return length >= count;
  }

  /** @throws ApiError `reference_invalid` when the stream ends before. */
  async take(count: number): Promise<Buffer> {
    if (this.buffer.length < count && !(await this.fill(count))) throw invalidReference('The file ends too early.');
    return this.shift(count);
  }

  /** At most what is at hand. */
  shift(count: number): Buffer {
    const taken = this.buffer.subarray(0, count);
    this.buffer = this.buffer.subarray(count);
    return taken;
  }

  /** Passes on exactly so many bytes. @throws ApiError `reference_invalid` when the stream ends before. */
  async *pass(count: number): AsyncGenerator<Buffer, void> {
    for (let left = count; left > 0; ) {
      if (this.buffer.length === 0 && !(await this.fill(1))) throw invalidReference('The file ends too early.');
      const part = this.shift(left);
      left -= part.length;
      yield part;
    }
  }

  async skip(count: number): Promise<void> {
    for await (const _part of this.pass(count));
  }

  /** Passes on everything that is left. */
  async *rest(): AsyncGenerator<Buffer, void> {
    while (this.buffer.length > 0 || (await this.fill(1))) yield this.shift(this.buffer.length);
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.source.return?.();
  }
}
