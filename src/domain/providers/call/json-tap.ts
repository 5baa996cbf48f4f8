import { type MediaPlace, type MediaPlaces, type StoredMedia, unreadableMedia } from '@litegen/plugin-sdk';
import type { BlobWriter, StoredBlob } from '../../storage/index.js';
import { JsonText } from './json-text.js';
import { MediaString } from './media-string.js';
import { UnreadableBody } from './unreadable.js';

export interface JsonTapOptions {
  /** Which strings may be media. Default: none. */
  readonly places?: MediaPlaces;
  openWriter(): Promise<BlobWriter>;
  /** Told of every file that was stored. */
  readonly onStored?: (blob: StoredBlob) => void;
  /** Cap of everything that is not media. Default 8 MiB. */
  readonly maxTextBytes?: number;
}

export const MAX_JSON_TEXT_BYTES = 8 * 1024 * 1024;
const MAX_DEPTH = 256;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Reads a JSON text while it comes in. Strings where media may stand, and which are base64, are decoded into the store slice by slice, and
 * an object that describes the stored file takes their place in the text, which therefore stays small. The text itself is
 * judged by `JSON.parse` in the end; here only strings, keys and nesting are followed.
 */
export class JsonTap {
  private readonly rest: JsonText;
  /** How many files were stored so far. */
  storedCount = 0;
  /** The latest key of each object, `*` for an array; the innermost last. */
  private readonly path: string[] = [];
  private readonly isObject: boolean[] = [];
  private inString = false;
  private escaped = false;
  /** The next string of this object is a key. */
  private expectsKey = false;
  /** The part of a key that earlier chunks brought, its bytes as Latin-1; undefined outside a key. */
  private key: string | undefined;
  private media: MediaString | undefined;

  constructor(private readonly options: JsonTapOptions) {
    this.rest = new JsonText(options.maxTextBytes ?? MAX_JSON_TEXT_BYTES);
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
    await media?.abort();
  }

  private async readText(chunk: Buffer, start: number): Promise<number> {
    const { places } = this.options;
    // Nothing to look for: the bytes are only gathered.
    if (places === undefined) {
      this.rest.append(chunk.subarray(start));
      return chunk.length;
    }
    const { at, place } = this.scan(chunk, start, places);
    if (place !== undefined) this.media = new MediaString(place, this.options.openWriter);
    return at;
  }

  /** Gathers text up to the end of the chunk, or to the first character of a string that may be media. */
  private scan(chunk: Buffer, start: number, places: MediaPlaces): { readonly at: number; readonly place: MediaPlace | undefined } {
    let keyStart = start;
    let at = start;
    let place: MediaPlace | undefined;
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
        place = this.expectsKey ? undefined : places(this.path);
        if (place !== undefined) break;
        this.inString = true;
        keyStart = at + 1;
        if (this.expectsKey) this.key = '';
      } else if (byte > 0x20 && byte !== COLON) this.step(byte);
    }
    this.rest.append(chunk.subarray(start, at));
    if (place === undefined && this.key !== undefined) this.key += chunk.toString('latin1', keyStart, at);
    return { at: place === undefined ? at : at + 1, place };
  }

  private endKey(raw: string): void {
    this.key = undefined;
    this.expectsKey = false;
    const text = Buffer.from(raw, 'latin1').toString('utf8');
    this.path[this.path.length - 1] = text.includes('\\') ? unescaped(text) : text;
  }

  /** A character between strings. What JSON does not allow is left for `JSON.parse` to refuse. */
  private step(byte: number): void {
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (this.path.length === MAX_DEPTH) throw new UnreadableBody(`its body nests deeper than ${MAX_DEPTH} levels`);
      this.path.push(byte === OPEN_OBJECT ? '' : '*');
      this.isObject.push(byte === OPEN_OBJECT);
      this.expectsKey = byte === OPEN_OBJECT;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      this.path.pop();
      this.isObject.pop();
      this.expectsKey = false;
    } else if (byte === COMMA) this.expectsKey = this.isObject.at(-1) === true;
  }

  private async readMedia(chunk: Buffer, start: number, media: MediaString): Promise<number> {
    const end = await media.take(chunk, start);
    if (end === undefined) return chunk.length;
    this.media = undefined;
    if (end.kind === 'text') {
      this.rest.append(Buffer.from('"'));
      this.inString = true;
      await this.write(end.raw);
    } else if (end.kind === 'unreadable') this.rest.append(Buffer.from(JSON.stringify(unreadableMedia(end.reason))));
    else {
      this.storedCount += 1;
      this.options.onStored?.(end.blob);
      this.rest.append(Buffer.from(JSON.stringify(toStoredMedia(end.blob))));
    }
    return end.at;
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
