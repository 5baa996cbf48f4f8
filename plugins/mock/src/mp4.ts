import type { ParameterSets } from './parameter-sets.js';

/** Units per second of all times in the file. */
export const TIMESCALE = 1000;

export interface VideoTrack {
  /** Pixels, as displayed. */
  readonly width: number;
  readonly height: number;
  readonly parameterSets: ParameterSets;
  /** One NAL unit per frame; the first is the only key frame. */
  readonly frames: readonly Uint8Array[];
  /** Milliseconds per frame. The last one lasts until the end of the clip. */
  readonly frameDurationMs: number;
  /** Milliseconds. */
  readonly durationMs: number;
}

function u8(...values: number[]): Buffer {
  return Buffer.from(values);
}

function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

function box(type: string, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type, 'latin1'), body]);
}

function fullBox(type: string, flags: number, ...parts: Uint8Array[]): Buffer {
  return box(type, u32(flags), ...parts);
}

// The unity matrix of mvhd and tkhd, 16.16 and 2.30 fixed point.
const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
const LANGUAGE_UNDETERMINED = 0x55c4;

function sampleEntry(track: VideoTrack): Buffer {
  const { sps, pps } = track.parameterSets;
  const configuration = box(
    'avcC',
    u8(1, sps[1] ?? 0, sps[2] ?? 0, sps[3] ?? 0, 0xff, 0xe1),
    u16(sps.length),
    sps,
    u8(1),
    u16(pps.length),
    pps,
  );
  const compressorName = Buffer.alloc(32);
  return box(
    'avc1',
    u16(0, 0, 0, 1),
    Buffer.alloc(16),
    u16(track.width, track.height),
    u32(0x480000, 0x480000, 0),
    u16(1),
    compressorName,
    u16(24, 0xffff),
    configuration,
  );
}

function timeToSample(track: VideoTrack): Buffer {
  const whole = track.frames.length - 1;
  const rest = track.durationMs - whole * track.frameDurationMs;
  const entries = whole === 0 ? [1, rest] : [whole, track.frameDurationMs, 1, rest];
  return fullBox('stts', 0, u32(entries.length / 2, ...entries));
}

function movie(track: VideoTrack, mediaOffset: number): Buffer {
  const { durationMs, frames } = track;
  const sampleTable = box(
    'stbl',
    fullBox('stsd', 0, u32(1), sampleEntry(track)),
    timeToSample(track),
    fullBox('stss', 0, u32(1, 1)),
    fullBox('stsc', 0, u32(1, 1, frames.length, 1)),
    fullBox('stsz', 0, u32(0, frames.length, ...frames.map((frame) => frame.length + 4))),
    fullBox('stco', 0, u32(1, mediaOffset)),
  );
  const media = box(
    'mdia',
    fullBox('mdhd', 0, u32(0, 0, TIMESCALE, durationMs), u16(LANGUAGE_UNDETERMINED, 0)),
    fullBox('hdlr', 0, u32(0), Buffer.from('vide', 'latin1'), u32(0, 0, 0), Buffer.from('video\0', 'latin1')),
    box('minf', fullBox('vmhd', 1, u16(0, 0, 0, 0)), box('dinf', fullBox('dref', 0, u32(1), fullBox('url ', 1))), sampleTable),
  );
  const trackHeader = fullBox(
    'tkhd',
    3, // enabled, in the movie
    u32(0, 0, 1, 0, durationMs, 0, 0),
    u16(0, 0, 0, 0),
    MATRIX,
    u32(track.width * 0x10000, track.height * 0x10000),
  );
  return box(
    'moov',
    fullBox('mvhd', 0, u32(0, 0, TIMESCALE, durationMs, 0x10000), u16(0x100, 0), u32(0, 0), MATRIX, u32(0, 0, 0, 0, 0, 0), u32(2)),
    box('trak', trackHeader, media),
  );
}

/** An MP4 file (ISO/IEC 14496-12 and -15) whose index comes before the media, so that it plays while it loads. */
export function writeMp4(track: VideoTrack): Uint8Array {
  const type = box('ftyp', Buffer.from('isom', 'latin1'), u32(0x200), Buffer.from('isomiso2avc1mp41', 'latin1'));
  // The index has the same length whatever the offset inside it.
  const mediaOffset = type.length + movie(track, 0).length + 8;
  const samples = track.frames.flatMap((frame) => [u32(frame.length), frame]);
  return Buffer.concat([type, movie(track, mediaOffset), box('mdat', ...samples)]);
}
