import { FileWindow, type RandomAccess } from './file-window.js';
import { addFragment, fragmentTracks } from './mp4-fragments.js';

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

/** A file that nests or repeats boxes without end is given up, not followed. */
const MAX_BOXES = 8192;
/** Of the headers of a fragmented file and of each of its fragments. */
const MAX_FRAGMENT_HEADER_BYTES = 1_048_576;

/** Duration and picture size of an MP4 or QuickTime file, wherever its `moov` is. Empty when the file is broken. */
export async function readMp4Facts(file: RandomAccess): Promise<Mp4Facts> {
  const walker = new BoxWalker(file);
  const facts: Mp4Facts = {};
  let fragmentDuration: bigint | undefined;
  let timescale = 0;
  let moov: Box | undefined;
  let isFragmented = false;
  try {
    for await (const box of walker.children({ type: 'file', start: 0, end: file.bytes }, ['moov'])) {
      if (box.type === 'moov') moov = box;
      else if (box.type === 'mvex') isFragmented = true;
      else if (box.type === 'mvhd') {
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
    if (facts.durationMs === undefined && fragmentDuration !== undefined && fragmentDuration > 0n && timescale > 0) {
      facts.durationMs = milliseconds(fragmentDuration, timescale);
    }
    if (facts.durationMs === undefined && isFragmented && moov !== undefined) {
      const durationMs = await fragmentsDuration(walker, moov, file.bytes);
      if (durationMs > 0) facts.durationMs = durationMs;
    }
  } catch (error) {
    // A header that ends in its middle is a broken file; anything else (the store failing) is not for us to hide.
    if (!(error instanceof RangeError)) throw error;
  }
  return facts;
}

/** Of a file whose header was written before its pictures: the longest track's fragments together. */
async function fragmentsDuration(walker: BoxWalker, moov: Box, fileEnd: number): Promise<number> {
  const tracks = fragmentTracks(await walker.content(moov, MAX_FRAGMENT_HEADER_BYTES));
  for await (const box of walker.children({ type: 'file', start: moov.end, end: fileEnd })) {
    if (box.type === 'moof') addFragment(await walker.content(box, MAX_FRAGMENT_HEADER_BYTES), tracks);
  }
  return [...tracks.values()].reduce(
    (longest, { duration, timescale }) => Math.max(longest, timescale > 0 ? milliseconds(duration, timescale) : 0),
    0,
  );
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
  private readonly window: FileWindow;
  private seen = 0;

  constructor(file: RandomAccess) {
    this.window = new FileWindow(file);
  }

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
    return this.window.at(box.start, Math.min(length, box.end - box.start));
  }

  private async box(position: number, parentEnd: number): Promise<Box> {
    const header = await this.window.at(position, Math.min(16, parentEnd - position));
    const size = header.readUInt32BE(0);
    const type = header.toString('latin1', 4, 8);
    if (size === 0) return { type, start: position + 8, end: parentEnd };
    if (size === 1) return { type, start: position + 16, end: Math.min(parentEnd, position + Number(header.readBigUInt64BE(8))) };
    return { type, start: position + 8, end: Math.min(parentEnd, position + size) };
  }
}

/** Boxes that hold what is shown; a file that ends within one is cut short. What else stands behind them may be anything. */
const NEEDED = new Set(['ftyp', 'moov', 'moof', 'mdat', 'meta', 'free', 'skip', 'wide', 'sidx', 'styp', 'uuid']);

/** Whether a file of boxes (MP4, QuickTime, AVIF, HEIC) ends before its last box does. */
export async function endsWithinBox(file: RandomAccess): Promise<boolean> {
  const window = new FileWindow(file);
  for (let position = 0, seen = 0; position + 8 <= file.bytes && seen < MAX_BOXES; seen += 1) {
    const header = await window.at(position, Math.min(16, file.bytes - position));
    const size = header.readUInt32BE(0);
    if (!NEEDED.has(header.toString('latin1', 4, 8)) || size === 0) return false;
    if (size === 1 && header.length < 16) return true;
    const length = size === 1 ? Number(header.readBigUInt64BE(8)) : size;
    if (position + length > file.bytes) return true;
    if (length < 8) return false;
    position += length;
  }
  return false;
}
