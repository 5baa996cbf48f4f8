import { ORIENTATION_TIFF_BYTES, orientationTiff } from '../exif.js';
import { largestHeifSize } from '../heif-size.js';
import { type BufferBox, boxesIn, boxIn } from '../iso-boxes.js';
import type { ByteReader } from './byte-reader.js';
import { invalidReference } from './errors.js';
import type { PictureGuard } from './picture-guard.js';

/** The boxes that describe the picture stand before it, and are small. */
const MAX_DESCRIPTION_BYTES = 1_048_576;
/** Before an Exif item's block stands its offset. */
const EXIF_OFFSET_BYTES = 4;
/** Of all items. A table may announce billions in a few bytes. */
const MAX_EXTENTS = 4096;
/** Of Exif and XMP, which every piece of the file is held against. */
const MAX_METADATA_EXTENTS = 64;
const IN_FILE = 0;
const IN_META = 1;

interface Extent {
  readonly start: number;
  readonly end: number;
  readonly isExif: boolean;
}

/**
 * Passes on a still AVIF with its Exif and XMP items emptied. They are found by position, so their length stays. How the
 * picture is to be turned is a property of its own in this format.
 */
export async function* sanitizeAvif(reader: ByteReader, guard: PictureGuard): AsyncGenerator<Buffer, void> {
  const description = await describe(reader, guard);
  if (description.toString('latin1', 8, 12) === 'avis') throw invalidReference('Moving AVIF pictures are not taken.');
  const size = largestHeifSize(description);
  guard.size(size?.width ?? 0, size?.height ?? 0);
  let extents: Extent[];
  try {
    extents = metadataExtents(description);
  } catch (error) {
    if (error instanceof RangeError) throw invalidReference('The AVIF describes its parts wrongly.', error);
    throw error;
  }
  let position = 0;
  for await (const part of reader.rest()) {
    yield blanked(part, position, extents);
    position += part.length;
  }
}

/** Everything up to the end of the `meta` box, left in the reader. */
async function describe(reader: ByteReader, guard: PictureGuard): Promise<Buffer> {
  let at = 0;
  while (at <= MAX_DESCRIPTION_BYTES && (await reader.fill(at + 8))) {
    await guard.segment();
    const size = reader.window.readUInt32BE(at);
    const isMeta = reader.window.toString('latin1', at + 4, at + 8) === 'meta';
    if (size < 8 || (isMeta && at + size > MAX_DESCRIPTION_BYTES)) break;
    at += size;
    if (!isMeta) continue;
    if (!(await reader.fill(at))) break;
    return reader.window.subarray(0, at);
  }
  throw invalidReference('The AVIF does not describe its picture at its start.');
}

function metadataExtents(data: Buffer): Extent[] {
  const meta = boxIn(data, { start: 0, end: data.length }, 'meta');
  // `meta` starts with a version and flags.
  const inside = meta && { start: meta.start + 4, end: meta.end };
  const information = inside && boxIn(data, inside, 'iinf');
  const locations = inside && boxIn(data, inside, 'iloc');
  if (inside === undefined || information === undefined) return [];
  const items = metadataItems(data, information);
  if (items.size === 0) return [];
  if (locations === undefined) throw invalidReference('The AVIF does not say where its metadata is.');
  return extentsOf(data.subarray(0, locations.end), locations.start, items, boxIn(data, inside, 'idat'));
}

/** The ids of Exif and XMP items, and whether each is Exif. */
function metadataItems(data: Buffer, information: BufferBox): Map<number, boolean> {
  const items = new Map<number, boolean>();
  const countBytes = data[information.start] === 0 ? 2 : 4;
  for (const box of boxesIn(data, { start: information.start + 4 + countBytes, end: information.end })) {
    const version = data[box.start];
    if (box.type !== 'infe' || (version !== 2 && version !== 3)) continue;
    const idBytes = version === 2 ? 2 : 4;
    const id = data.readUIntBE(box.start + 4, idBytes);
    const typeAt = box.start + 4 + idBytes + 2;
    const type = data.toString('latin1', typeAt, typeAt + 4);
    if (type === 'Exif' || type === 'mime') items.set(id, type === 'Exif');
  }
  return items;
}

/** Where the items are (ISO/IEC 14496-12, 8.11.3). @throws RangeError when the table ends too early. */
function extentsOf(data: Buffer, start: number, items: ReadonlyMap<number, boolean>, idat: BufferBox | undefined): Extent[] {
  let at = start + 4;
  const number = (length: number): number => {
    if (length === 0) return 0;
    at += length;
    return length === 8 ? Number(data.readBigUInt64BE(at - 8)) : data.readUIntBE(at - length, length);
  };
  const version = data[start] as number;
  const sizes = number(2);
  const [offsetBytes, lengthBytes, baseBytes, indexBytes] = [
    sizes >>> 12,
    (sizes >>> 8) & 15,
    (sizes >>> 4) & 15,
    version === 0 ? 0 : sizes & 15,
  ];
  const found: Extent[] = [];
  const unseen = new Set(items.keys());
  let seen = 0;
  for (let left = number(version < 2 ? 2 : 4); left > 0; left -= 1) {
    const id = number(version < 2 ? 2 : 4);
    const isExif = items.get(id);
    unseen.delete(id);
    const method = version === 0 ? IN_FILE : number(2) & 15;
    number(2);
    const base = number(baseBytes);
    for (let extents = number(2); extents > 0; extents -= 1) {
      seen += 1;
      if (seen > MAX_EXTENTS) throw invalidReference('The AVIF has too many parts.');
      number(indexBytes);
      const offset = base + number(offsetBytes) + (method === IN_META ? (idat?.start ?? 0) : 0);
      const length = number(lengthBytes);
      if (isExif === undefined) continue;
      if (method !== IN_FILE && method !== IN_META) throw invalidReference('The AVIF hides its metadata within another item.');
      // No length means everything from there on.
      if (found.length === MAX_METADATA_EXTENTS) throw invalidReference('The AVIF has too many pieces of metadata.');
      found.push({ start: offset, end: length === 0 ? Number.POSITIVE_INFINITY : offset + length, isExif });
    }
  }
  if (unseen.size > 0) throw invalidReference('The AVIF does not say where its metadata is.');
  return found;
}

/** A copy of the part, which starts at `position` of the file, with the extents emptied. Exif stays an Exif block, of nothing. */
function blanked(part: Buffer, position: number, extents: readonly Extent[]): Buffer {
  const hit = extents.filter(({ start, end }) => start < position + part.length && end > position);
  if (hit.length === 0) return part;
  const copy = Buffer.from(part);
  for (const { start, end, isExif } of hit) {
    copy.fill(0, Math.max(0, start - position), Math.min(copy.length, end - position));
    if (!isExif || end - start < EXIF_OFFSET_BYTES + ORIENTATION_TIFF_BYTES) continue;
    const tiff = orientationTiff(1);
    for (let index = 0; index < tiff.length; index += 1) {
      const at = start + EXIF_OFFSET_BYTES + index - position;
      if (at >= 0 && at < copy.length) copy[at] = tiff[index] as number;
    }
  }
  return copy;
}
