import type { ByteReader } from './byte-reader.js';
import { invalidReference } from './errors.js';
import type { PictureGuard } from './picture-guard.js';

const HEADER_BYTES = 13;
const EXTENSION = 0x21;
const IMAGE = 0x2c;
const TRAILER = 0x3b;
const GRAPHIC_CONTROL = 0xf9;
const APPLICATION = 0xff;
const HAS_COLOUR_TABLE = 0x80;

/** Passes on a GIF without comments and without applications' own data (XMP among them), except for how often it repeats. */
export async function* sanitizeGif(reader: ByteReader, guard: PictureGuard): AsyncGenerator<Buffer, void> {
  const header = await reader.take(HEADER_BYTES);
  guard.size(header.readUInt16LE(6), header.readUInt16LE(8));
  const flags = header[10] as number;
  yield header;
  yield* reader.pass(colourTableBytes(flags));
  for (;;) {
    await guard.segment();
    const kind = (await reader.take(1))[0];
    if (kind === TRAILER) {
      yield Buffer.of(TRAILER);
      return;
    }
    if (kind === IMAGE) {
      const descriptor = Buffer.from(await reader.take(9));
      guard.size(descriptor.readUInt16LE(4), descriptor.readUInt16LE(6));
      guard.frame();
      yield Buffer.of(IMAGE);
      yield descriptor;
      // The byte more is the code size of the compressed samples.
      yield* reader.pass(colourTableBytes(descriptor[8] as number) + 1);
      yield* subBlocks(reader);
    } else if (kind === EXTENSION) {
      const label = (await reader.take(1))[0] as number;
      if (label === GRAPHIC_CONTROL || (label === APPLICATION && (await repeats(reader)))) {
        yield Buffer.of(EXTENSION, label);
        yield* subBlocks(reader);
      } else {
        for await (const _part of subBlocks(reader));
      }
    } else {
      throw invalidReference('The GIF has a broken block.');
    }
  }
}

function colourTableBytes(flags: number): number {
  return (flags & HAS_COLOUR_TABLE) === 0 ? 0 : 3 * 2 ** ((flags & 0x07) + 1);
}

async function repeats(reader: ByteReader): Promise<boolean> {
  await reader.fill(12);
  const name = reader.window.toString('latin1', 1, 12);
  return name === 'NETSCAPE2.0' || name === 'ANIMEXTS1.0';
}

/** Blocks with their lengths, up to the empty one; as many at once as are at hand, for there may be a million. */
async function* subBlocks(reader: ByteReader): AsyncGenerator<Buffer, void> {
  for (;;) {
    if (!(await reader.fill(1)) || !(await reader.fill(1 + (reader.window[0] as number)))) {
      throw invalidReference('The file ends too early.');
    }
    const window = reader.window;
    let end = 0;
    while (end < window.length) {
      const length = window[end] as number;
      if (length === 0) {
        yield reader.shift(end + 1);
        return;
      }
      if (end + 1 + length > window.length) break;
      end += 1 + length;
    }
    yield reader.shift(end);
  }
}
