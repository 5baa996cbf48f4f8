import { type BufferBox, boxesIn, boxIn } from './iso-boxes.js';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A version and flags stand before the content of a full box. */
const FULL_BOX_BYTES = 4;
/** A count, or the id of an item, of two bytes in the first version of its box and of four later. */
const SHORT_BYTES = 2;
const LONG_BYTES = 4;

/** Width and height of an AVIF's or HEIC's primary picture as displayed: cropped and turned. Undefined when its `meta` box does not say. */
export function heifSizeOf(data: Buffer): Size | undefined {
  return unlessCut(() => {
    const properties = propertiesOf(data);
    const primary = properties && primaryProperties(data, properties);
    const size = primary?.reduce((so, property) => applied(data, property, so), { width: 0, height: 0 });
    return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined;
  });
}

/** The largest size that an AVIF or HEIC names for any of its pictures, as stored: what a decoder would have to hold. */
export function largestHeifSize(data: Buffer): Size | undefined {
  return unlessCut(() => {
    let largest: Size | undefined;
    for (const property of propertiesOf(data)?.all ?? []) {
      if (property.type !== 'ispe') continue;
      const size = applied(data, property, { width: 0, height: 0 });
      if (largest === undefined || size.width * size.height > largest.width * largest.height) largest = size;
    }
    return largest;
  });
}

type Property = BufferBox & { readonly type: string };

interface Properties {
  readonly meta: BufferBox;
  readonly iprp: BufferBox;
  readonly all: readonly Property[];
}

function propertiesOf(data: Buffer): Properties | undefined {
  const found = boxIn(data, { start: 0, end: data.length }, 'meta');
  const meta = found && { start: found.start + FULL_BOX_BYTES, end: found.end };
  const iprp = meta && boxIn(data, meta, 'iprp');
  const ipco = iprp && boxIn(data, iprp, 'ipco');
  return ipco && { meta, iprp, all: [...boxesIn(data, ipco)] };
}

/** Those of the picture that is shown, in the order in which they apply. */
function primaryProperties(data: Buffer, { meta, iprp, all }: Properties): Property[] {
  const pitm = boxIn(data, meta, 'pitm');
  if (pitm === undefined) return all.filter(({ type }) => type === 'ispe').slice(0, 1);
  const primary = data.readUIntBE(pitm.start + FULL_BOX_BYTES, data[pitm.start] === 0 ? SHORT_BYTES : LONG_BYTES);
  for (const box of boxesIn(data, iprp)) {
    const indices = box.type === 'ipma' ? associationsOf(data, box, primary) : undefined;
    if (indices !== undefined) return indices.flatMap((index) => all[index - 1] ?? []);
  }
  return [];
}

/** The properties' numbers, from 1, that an `ipma` box gives to an item (ISO/IEC 23008-12, 9.3.1). */
function associationsOf(data: Buffer, { start, end }: BufferBox, wanted: number): number[] | undefined {
  const idBytes = data[start] === 0 ? SHORT_BYTES : LONG_BYTES;
  const indexBytes = ((data[start + 3] as number) & 1) === 0 ? 1 : 2;
  let at = start + FULL_BOX_BYTES + LONG_BYTES;
  for (let left = data.readUInt32BE(start + FULL_BOX_BYTES); left > 0 && at + idBytes < end; left -= 1) {
    const id = data.readUIntBE(at, idBytes);
    const count = data.readUInt8(at + idBytes);
    at += idBytes + 1;
    if (id === wanted) {
      // The highest bit says whether a reader has to understand the property.
      const mask = indexBytes === 1 ? 0x7f : 0x7fff;
      return Array.from({ length: count }, (_, index) => data.readUIntBE(at + index * indexBytes, indexBytes) & mask);
    }
    at += count * indexBytes;
  }
  return undefined;
}

function applied(data: Buffer, { type, start, end }: Property, size: Size): Size {
  if (type === 'ispe' && end - start >= FULL_BOX_BYTES + 8) {
    return { width: data.readUInt32BE(start + FULL_BOX_BYTES), height: data.readUInt32BE(start + FULL_BOX_BYTES + 4) };
  }
  if (type === 'irot' && end > start && ((data[start] as number) & 1) === 1) return { width: size.height, height: size.width };
  if (type === 'clap' && end - start >= 16) {
    const width = fraction(data, start);
    const height = fraction(data, start + 8);
    // A crop that is larger than the picture, or empty, is none.
    if (width >= 1 && height >= 1 && width <= size.width && height <= size.height) return { width, height };
  }
  return size;
}

function fraction(data: Buffer, at: number): number {
  const denominator = data.readUInt32BE(at + 4);
  return denominator === 0 ? 0 : Math.floor(data.readUInt32BE(at) / denominator);
}

function unlessCut<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
