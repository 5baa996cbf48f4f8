import { type BufferBox, boxesIn, boxIn } from './iso-boxes.js';

/** What a fragmented file's `moov` box says of one of its tracks. */
export interface FragmentTrack {
  /** Units per second. */
  readonly timescale: number;
  /** Units per sample where a fragment says nothing else. */
  readonly sampleDuration: number;
  /** Units in all fragments so far. */
  duration: bigint;
}

const FULL_BOX_BYTES = 4;
const BASE_OFFSET = 0x01;
const DESCRIPTION_INDEX = 0x02;
const DEFAULT_DURATION = 0x08;
const DATA_OFFSET = 0x01;
const FIRST_FLAGS = 0x04;
const SAMPLE_DURATION = 0x100;
/** Size, flags and composition time offset of each sample. */
const OTHER_SAMPLE_FIELDS = [0x200, 0x400, 0x800];

/**
 * The tracks of a `moov` box's content, by their ids.
 * @throws RangeError for a box that ends too early
 */
export function fragmentTracks(moov: Buffer): Map<number, FragmentTrack> {
  const whole = { start: 0, end: moov.length };
  const mvex = boxIn(moov, whole, 'mvex');
  const sampleDurations = new Map<number, number>();
  for (const { type, start } of mvex === undefined ? [] : boxesIn(moov, mvex)) {
    if (type === 'trex') sampleDurations.set(moov.readUInt32BE(start + 4), moov.readUInt32BE(start + 12));
  }
  const tracks = new Map<number, FragmentTrack>();
  for (const trak of boxesIn(moov, whole)) {
    const tkhd = trak.type === 'trak' ? boxIn(moov, trak, 'tkhd') : undefined;
    const mdia = tkhd && boxIn(moov, trak, 'mdia');
    const mdhd = mdia && boxIn(moov, mdia, 'mdhd');
    if (tkhd === undefined || mdhd === undefined) continue;
    const id = moov.readUInt32BE(afterTimes(moov, tkhd));
    const timescale = moov.readUInt32BE(afterTimes(moov, mdhd));
    tracks.set(id, { timescale, sampleDuration: sampleDurations.get(id) ?? 0, duration: 0n });
  }
  return tracks;
}

/** Behind the times of creation and change, which later versions write in eight bytes each. */
function afterTimes(data: Buffer, { start }: BufferBox): number {
  return start + FULL_BOX_BYTES + (data[start] === 1 ? 16 : 8);
}

/**
 * Adds the lengths of the samples in a `moof` box's content to their tracks (ISO/IEC 14496-12, 8.8).
 * @throws RangeError for a box that ends too early
 */
export function addFragment(moof: Buffer, tracks: ReadonlyMap<number, FragmentTrack>): void {
  for (const box of boxesIn(moof, { start: 0, end: moof.length })) {
    const header = box.type === 'traf' ? boxIn(moof, box, 'tfhd') : undefined;
    const track = header && tracks.get(moof.readUInt32BE(header.start + FULL_BOX_BYTES));
    if (header === undefined || track === undefined) continue;
    const sampleDuration = durationIn(moof, header) ?? track.sampleDuration;
    for (const run of boxesIn(moof, box)) {
      if (run.type === 'trun') track.duration += runDuration(moof.subarray(0, run.end), run.start, sampleDuration);
    }
  }
}

/** What all samples of a fragment last, where its header says so. */
function durationIn(moof: Buffer, { start }: BufferBox): number | undefined {
  const flags = moof.readUIntBE(start + 1, 3);
  if ((flags & DEFAULT_DURATION) === 0) return undefined;
  const skipped = ((flags & BASE_OFFSET) === 0 ? 0 : 8) + ((flags & DESCRIPTION_INDEX) === 0 ? 0 : 4);
  return moof.readUInt32BE(start + FULL_BOX_BYTES + 4 + skipped);
}

function runDuration(data: Buffer, start: number, sampleDuration: number): bigint {
  const flags = data.readUIntBE(start + 1, 3);
  const count = data.readUInt32BE(start + FULL_BOX_BYTES);
  if ((flags & SAMPLE_DURATION) === 0) return BigInt(count) * BigInt(sampleDuration);
  const stride = 4 + 4 * OTHER_SAMPLE_FIELDS.filter((flag) => (flags & flag) !== 0).length;
  let at = start + FULL_BOX_BYTES + 4 + ((flags & DATA_OFFSET) === 0 ? 0 : 4) + ((flags & FIRST_FLAGS) === 0 ? 0 : 4);
  let sum = 0;
  for (let left = count; left > 0; left -= 1) {
    sum += data.readUInt32BE(at);
    at += stride;
  }
  return BigInt(sum);
}
