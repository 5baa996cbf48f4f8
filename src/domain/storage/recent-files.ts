/** In all. */
const MOST_BYTES = 4_194_304;
const MOST_FILES = 1024;

/** Small files that were just written: most of them are asked for once more, by the answer that they belong to. */
export class RecentFiles {
  private readonly files = new Map<string, Buffer>();
  private bytes = 0;

  constructor(
    private readonly mostBytes = MOST_BYTES,
    private readonly mostFiles = MOST_FILES,
  ) {}

  add(sha256: string, data: Buffer): void {
    this.delete(sha256);
    this.files.set(sha256, owned(data));
    this.bytes += data.length;
    for (const oldest of this.files.keys()) {
      if (this.bytes <= this.mostBytes && this.files.size <= this.mostFiles) return;
      this.delete(oldest);
    }
  }

  get(sha256: string): Buffer | undefined {
    return this.files.get(sha256);
  }

  delete(sha256: string): void {
    const data = this.files.get(sha256);
    if (data === undefined) return;
    this.files.delete(sha256);
    this.bytes -= data.length;
  }
}

/** A part of a larger buffer would keep all of that. */
function owned(data: Buffer): Buffer {
  if (data.buffer.byteLength === data.length) return data;
  const copy = Buffer.allocUnsafeSlow(data.length);
  data.copy(copy);
  return copy;
}
