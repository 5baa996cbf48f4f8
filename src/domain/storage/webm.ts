import { FileWindow, type RandomAccess } from './file-window.js';

/** What a WebM or Matroska file's headers say. */
export interface WebmFacts {
  durationMs?: number;
  width?: number;
  height?: number;
  cutShort?: true;
}

const SEGMENT = 0x18538067;
const INFO = 0x1549a966;
const TIMESTAMP_SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const TRACKS = 0x1654ae6b;
const TRACK_ENTRY = 0xae;
const VIDEO = 0xe0;
const PIXEL_WIDTH = 0xb0;
const PIXEL_HEIGHT = 0xba;
const CLUSTER = 0x1f43b675;
const PARENTS: ReadonlySet<number> = new Set([SEGMENT, INFO, TRACKS, TRACK_ENTRY, VIDEO]);

/** A file that nests or repeats elements without end is given up, not followed. */
const MAX_ELEMENTS = 512;
const LONGEST_HEADER = 12;
const NANOSECONDS_PER_MS = 1_000_000;

interface Element {
  readonly id: number;
  readonly start: number;
  /** Infinity: the writer did not know. */
  readonly end: number;
}

/** Size and duration by the headers before the first cluster (RFC 9559). Leaves out what a broken file does not say. */
export async function readWebmFacts(file: RandomAccess): Promise<WebmFacts> {
  const window = new FileWindow(file);
  const facts: WebmFacts = {};
  let scale = NANOSECONDS_PER_MS;
  let duration = 0;
  let position = 0;
  for (let seen = 0; position < file.bytes && seen < MAX_ELEMENTS; seen += 1) {
    const element = elementAt(await window.at(position, Math.min(LONGEST_HEADER, file.bytes - position)), position);
    if (element === undefined) break;
    const { id, start, end } = element;
    if (id === SEGMENT && Number.isFinite(end) && end > file.bytes) facts.cutShort = true;
    if (id === CLUSTER) break;
    position = PARENTS.has(id) ? start : end;
    if (PARENTS.has(id) || end - start > 8 || end > file.bytes) continue;
    const value = await window.at(start, end - start);
    if (id === TIMESTAMP_SCALE) scale = unsigned(value);
    else if (id === DURATION) duration = value.length === 8 ? value.readDoubleBE(0) : value.length === 4 ? value.readFloatBE(0) : 0;
    else if (id === PIXEL_WIDTH) facts.width ??= unsigned(value) || undefined;
    else if (id === PIXEL_HEIGHT) facts.height ??= unsigned(value) || undefined;
  }
  const durationMs = Math.round((duration * scale) / NANOSECONDS_PER_MS);
  if (durationMs > 0 && Number.isSafeInteger(durationMs)) facts.durationMs = durationMs;
  return facts;
}

function elementAt(header: Buffer, position: number): Element | undefined {
  const idLength = Math.clz32(header[0] ?? 0) - 23;
  if (idLength > 4 || header.length <= idLength) return undefined;
  const sizeLength = Math.clz32(header[idLength] ?? 0) - 23;
  const start = idLength + sizeLength;
  if (sizeLength > 8 || header.length < start) return undefined;
  const size = header.subarray(idLength, start);
  const isUnknown = size.every((byte, index) => byte === (index === 0 ? 0xff >>> (sizeLength - 1) : 0xff));
  const length = unsigned(size) - 2 ** (7 * sizeLength);
  return {
    id: header.readUIntBE(0, idLength),
    start: position + start,
    end: isUnknown ? Number.POSITIVE_INFINITY : position + start + length,
  };
}

function unsigned(bytes: Buffer): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
