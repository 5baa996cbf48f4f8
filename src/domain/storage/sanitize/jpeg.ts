import { isTurned, orientationTiff, readOrientation } from '../exif.js';
import { isFrame, isRestart } from '../jpeg-size.js';
import type { ByteReader } from './byte-reader.js';
import { invalidReference } from './errors.js';
import type { PictureGuard } from './picture-guard.js';

const START_OF_IMAGE = 0xd8;
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP2 = 0xe2;
const APP14 = 0xee;
const APP15 = 0xef;
const COMMENT = 0xfe;
const EXIF = 'Exif\0\0';

/**
 * Passes on a JPEG without its metadata: of the application segments only JFIF, the colour profile and Adobe's colour transform
 * stay (decoders need them), and of Exif the orientation if the picture must be turned. What follows the picture's end
 * (previews, the film of a "live" photo) is left out.
 */
export async function* sanitizeJpeg(reader: ByteReader, guard: PictureGuard): AsyncGenerator<Buffer, void> {
  yield await reader.take(2);
  let exifSeen = false;
  for (;;) {
    await guard.segment();
    const marker = await nextMarker(reader);
    if (marker === END_OF_IMAGE) {
      guard.requireSize();
      yield Buffer.of(0xff, marker);
      return;
    }
    if (isStandalone(marker)) {
      yield Buffer.of(0xff, marker);
      continue;
    }
    const length = (await reader.take(2)).readUInt16BE(0);
    if (length < 2) throw invalidReference('The JPEG has a segment without a length.');
    const payload = await reader.take(length - 2);
    if (isFrame(marker)) {
      if (payload.length < 6) throw invalidReference('The JPEG has a frame without a size.');
      guard.size(payload.readUInt16BE(3), payload.readUInt16BE(1));
    }
    if (marker === APP1 && payload.toString('latin1', 0, EXIF.length) === EXIF && !exifSeen) {
      exifSeen = true;
      const orientation = readOrientation(payload.subarray(EXIF.length));
      if (isTurned(orientation)) yield segment(APP1, Buffer.concat([Buffer.from(EXIF, 'latin1'), orientationTiff(orientation)]));
    } else if (isNeeded(marker, payload)) {
      yield segment(marker, payload);
    }
    if (marker === START_OF_SCAN) {
      guard.requireSize();
      yield* scan(reader);
      // Whoever keeps the file asks whether it is whole.
      if (!(await reader.fill(1))) return;
    }
  }
}

function isStandalone(marker: number): boolean {
  return isRestart(marker) || marker === 0x01 || marker === START_OF_IMAGE;
}

function isNeeded(marker: number, payload: Buffer): boolean {
  if (marker === APP0) return payload.toString('latin1', 0, 5) === 'JFIF\0';
  if (marker === APP2) return payload.toString('latin1', 0, 12) === 'ICC_PROFILE\0';
  if (marker === APP14) return payload.toString('latin1', 0, 5) === 'Adobe';
  return (marker < APP0 || marker > APP15) && marker !== COMMENT;
}

function segment(marker: number, payload: Buffer): Buffer {
  const head = Buffer.of(0xff, marker, 0, 0);
  head.writeUInt16BE(payload.length + 2, 2);
  return Buffer.concat([head, payload]);
}

async function nextMarker(reader: ByteReader): Promise<number> {
  if ((await reader.take(1))[0] !== 0xff) throw invalidReference('The JPEG is broken between two segments.');
  // Any number of 0xff may stand before a marker.
  for (;;) {
    if (!(await reader.fill(1))) throw invalidReference('The file ends too early.');
    const marker = reader.window.find((byte) => byte !== 0xff);
    if (marker === undefined) reader.shift(reader.window.length);
    else return reader.shift(reader.window.indexOf(marker) + 1).at(-1) as number;
  }
}

/** The compressed samples, up to the next marker or the file's end. */
async function* scan(reader: ByteReader): AsyncGenerator<Buffer, void> {
  for (;;) {
    if (!(await reader.fill(2))) {
      yield reader.shift(1);
      return;
    }
    const end = markerIn(reader.window);
    if (end > 0) yield reader.shift(end);
    if (reader.window.length >= 2) return;
  }
}

/** Where the samples at hand end: at a marker, before a lone last 0xff, or at the window's end. */
function markerIn(window: Buffer): number {
  for (let at = 0; at < window.length; at += 1) {
    if (window[at] !== 0xff) continue;
    if (at === window.length - 1) return at;
    const next = window[at + 1] as number;
    if (next !== 0 && next !== 0xff && !isRestart(next)) return at;
    if (next !== 0xff) at += 1;
  }
  return window.length;
}
