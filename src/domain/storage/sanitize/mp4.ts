import { trackSize } from '../mp4.js';
import { blank } from './blank.js';
import type { ByteReader } from './byte-reader.js';
import { invalidReference } from './errors.js';
import type { PictureGuard } from './picture-guard.js';

const CONTAINERS = new Set(['moov', 'trak', 'mdia']);
/** User data, metadata and vendors' own boxes: places, devices, names. */
const BLANKED = new Set(['udta', 'meta', 'uuid']);
const TRACK_HEADER_BYTES = 96;
const MAX_TRACK_HEADER_BYTES = 256;

/** Passes on an MP4 with its metadata boxes emptied and marked as free. Lengths stay, because the samples are found by position. */
export async function* sanitizeMp4(reader: ByteReader, guard: PictureGuard): AsyncGenerator<Buffer, void> {
  let position = 0;
  /** Up to where the containers that were entered reach. */
  let promised = 0;
  while (await reader.fill(8)) {
    await guard.segment();
    const head = Buffer.from(reader.window.subarray(0, 8));
    const type = head.toString('latin1', 4, 8);
    const size = head.readUInt32BE(0);
    if (size === 0) {
      // The last box, up to the file's end.
      if (CONTAINERS.has(type) || BLANKED.has(type)) throw invalidReference('The MP4 has a box without a length.');
      yield* reader.rest();
      return;
    }
    const headBytes = size === 1 ? 16 : 8;
    const whole = Buffer.from(await reader.take(headBytes));
    const content = (size === 1 ? Number(whole.readBigUInt64BE(8)) : size) - headBytes;
    if (content < 0) throw invalidReference('The MP4 has a broken box.');
    position += headBytes;
    if (CONTAINERS.has(type)) promised = Math.max(promised, position + content);
    else position += content;
    if (BLANKED.has(type)) {
      whole.write('free', 4, 'latin1');
      yield whole;
      yield* blank(reader, content);
    } else if (type === 'tkhd') {
      if (content > MAX_TRACK_HEADER_BYTES) throw invalidReference('The MP4 has a broken track header.');
      const body = Buffer.from(await reader.take(content));
      const track = body.length >= TRACK_HEADER_BYTES || (body[0] === 0 && body.length >= 84) ? trackSize(body) : undefined;
      if (track !== undefined) guard.size(track.width, track.height);
      yield whole;
      yield body;
    } else {
      yield whole;
      // The boxes inside a container follow as if they stood beside it.
      if (!CONTAINERS.has(type)) yield* reader.pass(content);
    }
  }
  if (reader.window.length > 0 || position < promised) throw invalidReference('The file ends too early.');
  guard.requireSize();
}
