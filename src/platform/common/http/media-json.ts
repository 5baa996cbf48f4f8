import { randomUUID } from 'node:crypto';
import { mediaShare } from '../concurrency.js';

/** Nobody can guess it, so no string of a value can be taken for one. */
const MARKER = randomUUID();
const MARKERS = new RegExp(`${MARKER}(\\d+);`);

/** The files of the value that {@link jsonPieces} is just looking at. */
let gathered: FileText[] | undefined;

/** Stands in a value for the base64 text of a stored file; {@link jsonPieces} finds it. */
export class FileText {
  /** @param bytes length of the file, not of its text */
  constructor(
    readonly sha256: string,
    readonly bytes: number,
  ) {}

  /** What `JSON.stringify` puts in its place. */
  toJSON(): unknown {
    return gathered === undefined ? { sha256: this.sha256, bytes: this.bytes } : `${MARKER}${gathered.push(this) - 1};`;
  }

  /** Length of the text, in characters and bytes alike. */
  get characters(): number {
    return 4 * Math.ceil(this.bytes / 3);
  }
}

/** A run of JSON text, or a file whose base64 belongs between two such runs. */
export type JsonPiece = string | FileText;

/** Opens a stored file. */
export type OpenFile = (sha256: string) => AsyncIterable<Uint8Array>;

/** A multiple of three, so that each slice encodes by itself, and small enough for its text to die young. */
const SLICE_BYTES = 49_152;

/** The JSON of a value in which {@link FileText} may stand wherever a string may; no file is read. */
export function jsonPieces(value: unknown): JsonPiece[] {
  const files: FileText[] = [];
  gathered = files;
  const text = stringify(value);
  if (files.length === 0) return [text];
  return text.split(MARKERS).map((part, index) => (index % 2 === 0 ? part : (files[Number(part)] as FileText)));
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } finally {
    gathered = undefined;
  }
}

/** The exact `content-length` of the pieces. */
export function contentLengthOf(pieces: readonly JsonPiece[]): number {
  return pieces.reduce((sum, piece) => sum + (typeof piece === 'string' ? Buffer.byteLength(piece) : piece.characters), 0);
}

/** The pieces as bytes; a file is read while it is asked for, so that memory does not grow with its length. */
export async function* encodePieces(pieces: readonly JsonPiece[], open: OpenFile): AsyncGenerator<Buffer, void> {
  for (const piece of pieces) {
    if (typeof piece === 'string') yield Buffer.from(piece);
    else yield* encodeBase64(open(piece.sha256), piece.bytes);
  }
}

/** @throws Error when the file does not have the announced length: a body that is cut short must not look whole. */
export async function* encodeBase64(file: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Buffer, void> {
  let rest: Buffer = Buffer.alloc(0);
  let seen = 0;
  const order = mediaShare.join();
  for await (const chunk of file) {
    seen += chunk.byteLength;
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    if (rest.length > 0) {
      at = Math.min(3 - rest.length, view.length);
      rest = Buffer.concat([rest, view.subarray(0, at)]);
      if (rest.length < 3) continue;
      yield base64Of(rest);
    }
    const end = view.length - ((view.length - at) % 3);
    for (; at < end; at += SLICE_BYTES) {
      await mediaShare.take(order);
      yield base64Of(view.subarray(at, Math.min(at + SLICE_BYTES, end)));
    }
    rest = Buffer.from(view.subarray(end));
  }
  if (seen !== bytes) throw new Error(`A stored file has ${seen} bytes instead of ${bytes}`);
  if (rest.length > 0) yield base64Of(rest);
}

function base64Of(data: Buffer): Buffer {
  return Buffer.from(data.toString('base64'), 'latin1');
}
