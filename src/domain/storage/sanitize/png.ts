import { promisify } from 'node:util';
import { crc32, inflate } from 'node:zlib';
import { isTurned, orientationTiff, readOrientation } from '../exif.js';
import type { ByteReader } from './byte-reader.js';
import { invalidReference } from './errors.js';
import type { PictureGuard } from './picture-guard.js';

const SIGNATURE_BYTES = 8;
const HEADER_BYTES = 13;
const FRAME_HEADER_BYTES = 26;
const MAX_EXIF_BYTES = 1_048_576;
const MAX_PROFILE_BYTES = 4_194_304;
const MAX_INFLATED_PROFILE_BYTES = 8_388_608;

/** What a decoder needs for the picture or its colours. Every other chunk that may be skipped is left out: text, times, Exif, previews. */
const KEPT = new Set('cHRM gAMA iCCP sBIT sRGB cICP mDCV mDCv cLLI cLLi bKGD hIST tRNS pHYs sPLT acTL fcTL fdAT'.split(' '));

const inflated = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate);

/** Passes on a PNG (animated too) without its metadata, but for the orientation if the picture must be turned. */
export async function* sanitizePng(reader: ByteReader, guard: PictureGuard): AsyncGenerator<Buffer, void> {
  yield await reader.take(SIGNATURE_BYTES);
  let hasProfile = false;
  for (let index = 0; ; index += 1) {
    await guard.segment();
    const head = Buffer.from(await reader.take(8));
    const length = head.readUInt32BE(0);
    const type = head.toString('latin1', 4, 8);
    if (!/^[A-Za-z]{4}$/.test(type) || length > 0x7fff_ffff) throw invalidReference('The PNG has a broken chunk.');
    if ((type === 'IHDR') !== (index === 0)) throw invalidReference('The PNG does not have exactly one header, at its start.');
    if (type === 'IHDR' || type === 'fcTL') {
      if (length !== (type === 'IHDR' ? HEADER_BYTES : FRAME_HEADER_BYTES)) throw invalidReference('The PNG has a broken header.');
      const body = await reader.take(length + 4);
      const at = type === 'IHDR' ? 0 : 4;
      guard.size(body.readUInt32BE(at), body.readUInt32BE(at + 4));
      if (type === 'fcTL') guard.frame();
      yield Buffer.concat([head, body]);
    } else if (type === 'eXIf' && length <= MAX_EXIF_BYTES) {
      const orientation = readOrientation(await reader.take(length));
      await reader.skip(4);
      if (isTurned(orientation)) yield chunk('eXIf', orientationTiff(orientation));
    } else if (type === 'iCCP') {
      // Each is a bomb that may inflate to the cap.
      if (hasProfile) throw invalidReference('The PNG has several colour profiles.');
      hasProfile = true;
      if (length > MAX_PROFILE_BYTES) throw invalidReference('The PNG has a huge colour profile.');
      const body = Buffer.from(await reader.take(length + 4));
      if (await isSoundProfile(body.subarray(0, length))) yield Buffer.concat([head, body]);
    } else if (KEPT.has(type) || isCritical(type)) {
      yield head;
      yield* reader.pass(length + 4);
      if (type === 'IEND') return;
    } else {
      await reader.skip(length + 4);
    }
  }
}

/** By the case of its first letter, a chunk without which the picture cannot be shown. */
function isCritical(type: string): boolean {
  return /^[A-Z]/.test(type);
}

/** A profile is compressed, and so may be a bomb. One that cannot be read is of no use to a decoder. */
async function isSoundProfile(data: Buffer): Promise<boolean> {
  const nameEnd = data.indexOf(0);
  if (nameEnd < 0) return false;
  try {
    await inflated(data.subarray(nameEnd + 2), { maxOutputLength: MAX_INFLATED_PROFILE_BYTES });
    return true;
  } catch (error) {
    if (error instanceof RangeError) throw invalidReference('The PNG has a huge colour profile.', error);
    return false;
  }
}

function chunk(type: string, data: Buffer): Buffer {
  const out = Buffer.alloc(data.length + 12);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}
