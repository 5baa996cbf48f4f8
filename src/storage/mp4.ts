import type { RandomAccess } from './media-probe.js';

/** What an MP4's `moov` box says. */
export interface Mp4Facts {
  durationMs?: number;
  width?: number;
  height?: number;
}

interface Box {
  readonly type: string;
  /** Where the content starts. */
  readonly start: number;
  readonly end: number;
}

const WINDOW_BYTES = 65_536;
/** A file that nests or repeats boxes without end is given up, not followed. */
const MAX_BOXES = 512;

/** Duration and picture size of an MP4 or QuickTime file, wherever its `moov` is. Empty when the file is broken. */
export async function readMp4Facts(file: RandomAccess): Promise<Mp4Facts> {
  const walker = new BoxWalker(file);
  const facts: Mp4Facts = {};
  let fragmentDuration: bigint | undefined;
  let timescale = 0;
  try {
    for await (const box of walker.children({ type: 'file', start: 0, end: file.bytes }, ['moov'])) {
      if (box.type === 'mvhd') {
        const header = await walker.content(box, 32);
        const long = header[0] === 1;
        timescale = header.readUInt32BE(long ? 20 : 12);
        const duration = long ? header.readBigUInt64BE(24) : BigInt(header.readUInt32BE(16));
        const unknown = duration === 0n || duration === (long ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);
        if (!unknown && timescale > 0) facts.durationMs = milliseconds(duration, timescale);
      } else if (box.type === 'mehd') {
        const header = await walker.content(box, 12);
        fragmentDuration = header[0] === 1 ? header.readBigUInt64BE(4) : BigInt(header.readUInt32BE(4));
      } else if (box.type === 'tkhd' && facts.width === undefined) {
        Object.assign(facts, trackSize(await walker.content(box, 96)));
      }
    }
    if (facts.durationMs === undefined && fragmentDuration !== undefined && timescale > 0) {
      facts.durationMs = milliseconds(fragmentDuration, timescale);
    }
  } catch (error) {
    // A header that ends in its middle is a broken file; anything else (the store failing) is not for us to hide.
    if (!(error instanceof RangeError)) throw error;
  }
  return facts;
}

function milliseconds(duration: bigint, timescale: number): number {
  return Number((duration * 1000n + BigInt(timescale) / 2n) / BigInt(timescale));
}

/** The picture size in a `tkhd` box's content. Sound tracks have none. A quarter turn in the matrix swaps the sides. */
export function trackSize(header: Buffer): { width: number; height: number } | undefined {
  const afterTimes = header[0] === 1 ? 36 : 24;
  const matrix = afterTimes + 16;
  const width = header.readUInt32BE(matrix + 36) >>> 16;
  const height = header.readUInt32BE(matrix + 40) >>> 16;
  if (width === 0 || height === 0) return undefined;
  const turned = header.readInt32BE(matrix) === 0 && header.readInt32BE(matrix + 4) !== 0;
  return turned ? { width: height, height: width } : { width, height };
}

/** Walks boxes with few reads: most headers of interest stand close together. */
class BoxWalker {
  private window: Buffer = Buffer.alloc(0);
  private windowStart = 0;
  private seen = 0;

  constructor(private readonly file: RandomAccess) {}

  /** Boxes inside `parent`, descending into `moov`, `trak` and `mvex`; stops behind the first of `last`. */
  async *children(parent: Box, last: readonly string[] = []): AsyncGenerator<Box> {
    let position = parent.start;
    while (position + 8 <= parent.end && this.seen < MAX_BOXES) {
      this.seen += 1;
      const box = await this.box(position, parent.end);
      if (box.end <= position) return;
      yield box;
      if (box.type === 'moov' || box.type === 'trak' || box.type === 'mvex') yield* this.children(box);
      if (last.includes(box.type)) return;
      position = box.end;
    }
  }

  /** The first bytes of a box's content, at most `length`. */
  content(box: Box, length: number): Promise<Buffer> {
    return this.at(box.start, Math.min(length, box.end - box.start));
  }

  private async box(position: number, parentEnd: number): Promise<Box> {
    const header = await this.at(position, Math.min(16, parentEnd - position));
    const size = header.readUInt32BE(0);
    const type = header.toString('latin1', 4, 8);
    if (size === 0) return { type, start: position + 8, end: parentEnd };
    if (size === 1) return { type, start: position + 16, end: Math.min(parentEnd, position + Number(header.readBigUInt64BE(8))) };
    return { type, start: position + 8, end: Math.min(parentEnd, position + size) };
  }

  private async at(position: number, length: number): Promise<Buffer> {
    const offset = position - this.windowStart;
    if (offset < 0 || offset + length > this.window.length) {
      this.window = await this.file.read(position, Math.max(length, Math.min(WINDOW_BYTES, this.file.bytes - position)));
      this.windowStart = position;
      return this.window.subarray(0, length);
    }
    return this.window.subarray(offset, offset + length);
  }
}
