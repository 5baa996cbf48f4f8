/** A store for Keyv in this process's memory. When it is full, what was not used for longest goes. */
export class BoundedStore {
  private readonly values = new Map<string, string>();
  private usedBytes = 0;

  constructor(
    private readonly maxItems: number,
    private readonly maxBytes: number,
  ) {}

  get size(): number {
    return this.values.size;
  }

  /** Of keys and values, as text in memory. */
  get bytes(): number {
    return this.usedBytes;
  }

  get(key: string): string | undefined {
    const value = this.values.get(key);
    if (value === undefined) return undefined;
    this.values.delete(key);
    this.values.set(key, value);
    return value;
  }

  /** A value that is larger than the whole store is not kept. */
  set(key: string, value: string): void {
    this.delete(key);
    const bytes = bytesOf(key, value);
    if (bytes > this.maxBytes) return;
    this.values.set(key, value);
    this.usedBytes += bytes;
    for (const oldest of this.values.keys()) {
      if (this.values.size <= this.maxItems && this.usedBytes <= this.maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(key: string): boolean {
    const value = this.values.get(key);
    if (value === undefined) return false;
    this.usedBytes -= bytesOf(key, value);
    return this.values.delete(key);
  }

  clear(): void {
    this.values.clear();
    this.usedBytes = 0;
  }
}

/** Two bytes for each character at most. */
function bytesOf(key: string, value: string): number {
  return 2 * (key.length + value.length);
}
