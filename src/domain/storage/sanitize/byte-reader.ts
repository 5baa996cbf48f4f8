import { invalidReference } from './errors.js';

const EMPTY: Buffer = Buffer.alloc(0);

/** Pulls a byte stream apart. What is taken shares the stream's memory: it is to be used before more is asked for. */
export class ByteReader {
  private buffer = EMPTY;
  /** Memory that begins where the buffer does; empty when the buffer is a chunk of the stream's own. */
  private room = EMPTY;
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
    while (this.buffer.length < count) {
      const next = await this.source.next();
      if (next.done === true) return false;
      const { buffer, byteOffset, byteLength } = next.value;
      this.append(Buffer.from(buffer, byteOffset, byteLength), count);
    }
    return true;
  }

  /** Copies as little as it can: what is at hand grows in place where there is room, for chunks may be of single bytes. */
  private append(chunk: Buffer, wanted: number): void {
    const held = this.buffer.length;
    if (held === 0) {
      this.buffer = chunk;
      this.room = EMPTY;
      return;
    }
    const length = held + chunk.length;
    // Taken parts lie before what is at hand, and so stay as they are.
    if (this.room.length < length) {
      this.room = Buffer.allocUnsafe(Math.max(2 * length, wanted));
      this.buffer.copy(this.room);
    }
    chunk.copy(this.room, held);
    this.buffer = this.room.subarray(0, length);
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
    this.room = this.room.subarray(Math.min(count, this.room.length));
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
