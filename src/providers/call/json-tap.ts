import type { StoredMedia } from '@litegen/plugin-sdk';
import type { BlobWriter, StoredBlob } from '../../storage/index.js';
import { Base64Decoder } from './base64-decoder.js';
import { JsonText } from './json-text.js';
import { UnreadableBody } from './unreadable.js';

export interface JsonTapOptions {
  /** Names of the keys whose string values are base64 media. */
  readonly base64Keys: ReadonlySet<string>;
  openWriter(): Promise<BlobWriter>;
  /** Told of every file that was stored. */
  readonly onStored?: (blob: StoredBlob) => void;
  /** Cap of everything that is not media. Default 8 MiB. */
  readonly maxTextBytes?: number;
}

export const MAX_JSON_TEXT_BYTES = 8 * 1024 * 1024;
const MAX_DEPTH = 256;
/** Characters decoded at once: about a tenth of a millisecond. */
const SLICE_LENGTH = 64 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

interface Media {
  readonly writer: BlobWriter;
  readonly decoder: Base64Decoder;
  /** The beginning of an escape whose end is in the next chunk. */
  escape: string;
}

/**
 * Reads a JSON text while it comes in. Strings under the media keys are decoded into the store slice by slice, and an
 * object that describes the stored file takes their place in the text, which therefore stays small. The text itself is
 * judged by `JSON.parse` in the end; here only strings, keys and nesting are followed.
 */
export class JsonTap {
  private readonly rest: JsonText;
  private readonly mediaKeys: ReadonlySet<string>;
  /** How many files were stored so far. */
  storedCount = 0;
  /** True for an object, false for an array; the innermost last. */
  private readonly nesting: boolean[] = [];
  private inString = false;
  private escaped = false;
  /** The next string of this object is a key. */
  private expectsKey = false;
  /** The part of a key that earlier chunks brought, its bytes as Latin-1; undefined outside a key. */
  private key: string | undefined;
  /** The last key was a media key and its value has not begun. */
  private mediaFollows = false;
  private media: Media | undefined;

  constructor(private readonly options: JsonTapOptions) {
    this.rest = new JsonText(options.maxTextBytes ?? MAX_JSON_TEXT_BYTES);
    this.mediaKeys = new Set([...options.base64Keys].map((key) => Buffer.from(key).toString('latin1')));
  }

  /** Takes the next bytes; resolves when more may come. @throws UnreadableBody, and what the writer throws. Both end the tap. */
  async write(chunk: Buffer): Promise<void> {
    try {
      for (let at = 0; at < chunk.length; )
        at = this.media === undefined ? await this.readText(chunk, at) : await this.readMedia(chunk, at, this.media);
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  /** The JSON text with stored files in place of media. @throws UnreadableBody when the text ends within media. */
  async finish(): Promise<string> {
    if (this.media !== undefined) {
      await this.abort();
      throw new UnreadableBody('its body was cut short');
    }
    return this.rest.text();
  }

  /** Forgets the file that is being written. */
  async abort(): Promise<void> {
    const media = this.media;
    this.media = undefined;
    await media?.writer.abort();
  }

  private async readText(chunk: Buffer, start: number): Promise<number> {
    // Nothing to look for: the bytes are only gathered.
    if (this.options.base64Keys.size === 0) {
      this.rest.append(chunk.subarray(start));
      return chunk.length;
    }
    const mediaAt = this.scan(chunk, start);
    if (mediaAt === -1) return chunk.length;
    this.media = { writer: await this.options.openWriter(), decoder: new Base64Decoder(), escape: '' };
    return mediaAt;
  }

  /** Gathers text up to the end of the chunk (-1) or to the first character of a media string (its position). */
  private scan(chunk: Buffer, start: number): number {
    let keyStart = start;
    let at = start;
    for (; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      if (this.inString) {
        if (this.escaped) this.escaped = false;
        else if (byte === BACKSLASH) this.escaped = true;
        else if (byte === QUOTE) {
          this.inString = false;
          if (this.key !== undefined) this.endKey(this.key + chunk.toString('latin1', keyStart, at));
        }
      } else if (byte === QUOTE) {
        if (this.mediaFollows) break;
        this.inString = true;
        keyStart = at + 1;
        if (this.expectsKey) this.key = '';
      } else if (byte > 0x20 && byte !== COLON) this.step(byte);
    }
    this.rest.append(chunk.subarray(start, at));
    if (at < chunk.length) {
      this.mediaFollows = false;
      return at + 1;
    }
    if (this.key !== undefined) this.key += chunk.toString('latin1', keyStart, at);
    return -1;
  }

  private endKey(raw: string): void {
    this.key = undefined;
    this.expectsKey = false;
    this.mediaFollows = this.mediaKeys.has(raw.includes('\\') ? unescaped(raw) : raw);
  }

  /** A character between strings. What JSON does not allow is left for `JSON.parse` to refuse. */
  private step(byte: number): void {
    this.mediaFollows = false;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (this.nesting.length === MAX_DEPTH) throw new UnreadableBody(`its body nests deeper than ${MAX_DEPTH} levels`);
      this.nesting.push(byte === OPEN_OBJECT);
      this.expectsKey = byte === OPEN_OBJECT;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      this.nesting.pop();
      this.expectsKey = false;
    } else if (byte === COMMA) this.expectsKey = this.nesting.at(-1) === true;
  }

  private async readMedia(chunk: Buffer, start: number, media: Media): Promise<number> {
    // A quote that is part of the string would have to be escaped, and base64 has neither, so the first one ends it.
    const quote = chunk.indexOf(QUOTE, start);
    const end = quote === -1 ? chunk.length : quote;
    for (let at = start; at < end; at += SLICE_LENGTH) {
      const data = media.decoder.push(unescapedMedia(media, chunk.subarray(at, Math.min(at + SLICE_LENGTH, end))));
      if (data.length > 0) await media.writer.write(data);
    }
    if (quote === -1) return chunk.length;
    await this.endMedia(media);
    return quote + 1;
  }

  private async endMedia({ writer, decoder, escape: unfinished }: Media): Promise<void> {
    if (unfinished !== '') throw new UnreadableBody('a media value is not base64');
    const last = decoder.finish();
    if (last.length > 0) await writer.write(last);
    const blob = await writer.finish();
    this.media = undefined;
    this.storedCount += 1;
    this.options.onStored?.(blob);
    this.rest.append(Buffer.from(JSON.stringify(toStoredMedia(blob))));
  }
}

export function toStoredMedia({ sha256, bytes, contentType }: StoredBlob): StoredMedia {
  return { kind: 'litegen.stored-media', sha256, bytes, contentType };
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch (error) {
    throw new UnreadableBody('its body is not JSON', error);
  }
}

/** Some encoders write `\/` for every slash and `\u003d` for padding. An escape that is cut by a chunk's end waits for the rest. */
function unescapedMedia(media: Media, piece: Buffer): Buffer {
  if (media.escape === '' && !piece.includes(BACKSLASH)) return piece;
  const text = media.escape + piece.toString('latin1');
  const cut = /\\(?:u[0-9a-fA-F]{0,3})?$/.exec(text);
  media.escape = cut?.[0] ?? '';
  const characters = unescaped(cut === null ? text : text.slice(0, cut.index));
  // As bytes, some characters of other scripts would look like those of base64.
  if (/[^\0-\x7f]/.test(characters)) throw new UnreadableBody('a media value is not base64');
  return Buffer.from(characters, 'latin1');
}
