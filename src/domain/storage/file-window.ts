/** A file that can be read anywhere. */
export interface RandomAccess {
  readonly bytes: number;
  /** At most `length` bytes; fewer only at the file's end. */
  read(position: number, length: number): Promise<Buffer>;
}

const WINDOW_BYTES = 65_536;

/** Reads headers that mostly stand close together with few reads. */
export class FileWindow {
  private window: Buffer = Buffer.alloc(0);
  private start = 0;

  constructor(private readonly file: RandomAccess) {}

  /** Valid until the next call. Shorter than `length` where the file ends. */
  async at(position: number, length: number): Promise<Buffer> {
    const offset = position - this.start;
    if (offset < 0 || offset + length > this.window.length) {
      this.window = await this.file.read(position, Math.max(length, Math.min(WINDOW_BYTES, this.file.bytes - position)));
      this.start = position;
      return this.window.subarray(0, length);
    }
    return this.window.subarray(offset, offset + length);
  }
}
