import { beginsMedia, MEDIA_HEAD_LENGTH, type MediaPlace } from '@litegen/plugin-sdk';
import type { BlobWriter, StoredBlob } from '../../storage/index.js';
import { Base64Decoder } from './base64-decoder.js';
import { UnreadableBody } from './unreadable.js';

/** Characters decoded at once: about a tenth of a millisecond. */
const SLICE_LENGTH = 64 * 1024;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `\u00a`. */
const LONGEST_UNFINISHED = 5;

/** How the string ended, and where to go on in the chunk. */
export type MediaEnd =
  /** It is no media: `raw` are its bytes so far, and it goes on at `at`. */
  | { readonly kind: 'text'; readonly raw: Buffer; readonly at: number }
  | { readonly kind: 'stored'; readonly blob: StoredBlob; readonly at: number }
  | { readonly kind: 'unreadable'; readonly reason: string; readonly at: number };

/** A string of a JSON text that stands where media may: judged by its head, then decoded into the store slice by slice. */
export class MediaString {
  private head: Buffer = Buffer.alloc(0);
  private writer: BlobWriter | undefined;
  private readonly decoder = new Base64Decoder();
  /** The beginning of an escape whose end is in the next piece. */
  private escape = '';
  /** Why it cannot be decoded; its end is still looked for. */
  private reason: string | undefined;
  private escaped = false;

  constructor(
    private readonly place: MediaPlace,
    private readonly openWriter: () => Promise<BlobWriter>,
  ) {}

  /** Takes the chunk from `start` on. Undefined: the string goes on behind the chunk. @throws what the writer throws */
  async take(chunk: Buffer, start: number): Promise<MediaEnd | undefined> {
    let at = start;
    if (this.writer === undefined && this.reason === undefined) {
      const quote = chunk.indexOf(QUOTE, start);
      at = Math.min(quote === -1 ? chunk.length : quote, start + MEDIA_HEAD_LENGTH - this.head.length);
      this.head = Buffer.concat([this.head, chunk.subarray(start, at)]);
      if (at !== quote && this.head.length < MEDIA_HEAD_LENGTH) return undefined;
      if (!this.isMedia(at === quote)) return { kind: 'text', raw: this.head, at };
      this.writer = await this.openWriter();
      await this.decode(this.head);
    }
    if (this.reason === undefined) {
      const quote = chunk.indexOf(QUOTE, at);
      const wasEscape = this.escape === '\\';
      await this.decode(chunk.subarray(at, quote === -1 ? chunk.length : quote));
      if (quote === -1 && this.reason === undefined) return undefined;
      // A quote that is part of the string is escaped, and base64 has neither.
      if (this.reason === undefined && this.escape === '') return this.finish(quote + 1);
      if (this.reason === undefined) await this.spoil('a media value is not base64');
      this.escaped = wasEscape;
    }
    return this.skip(chunk, at);
  }

  async abort(): Promise<void> {
    const { writer } = this;
    this.writer = undefined;
    await writer?.abort();
  }

  private isMedia(complete: boolean): boolean {
    const raw = this.head.toString('latin1');
    const cut = complete ? -1 : unfinishedEscape(raw);
    const whole = cut === -1 ? raw : raw.slice(0, cut);
    try {
      return beginsMedia(JSON.parse(`"${whole}"`) as string, this.place, complete);
    } catch {
      // Whatever is wrong with it is for the reader of the whole text to say.
      return false;
    }
  }

  private async decode(piece: Buffer): Promise<void> {
    try {
      for (let at = 0; at < piece.length; at += SLICE_LENGTH) {
        const data = this.decoder.push(this.unescaped(piece.subarray(at, Math.min(at + SLICE_LENGTH, piece.length))));
        if (data.length > 0) await this.writer?.write(data);
      }
    } catch (error) {
      if (!(error instanceof UnreadableBody)) throw error;
      await this.spoil(error.message);
    }
  }

  /** Some encoders write `\/` for every slash and `\u003d` for padding. An escape that is cut by a piece's end waits for the rest. */
  private unescaped(piece: Buffer): Buffer {
    if (this.escape === '' && !piece.includes(BACKSLASH)) return piece;
    const text = this.escape + piece.toString('latin1');
    const cut = unfinishedEscape(text);
    this.escape = cut === -1 ? '' : text.slice(cut);
    let characters: string;
    try {
      characters = JSON.parse(`"${cut === -1 ? text : text.slice(0, cut)}"`) as string;
    } catch (error) {
      throw new UnreadableBody('a media value is not base64', error);
    }
    // As bytes, some characters of other scripts would look like those of base64.
    if (/[^\0-\x7f]/.test(characters)) throw new UnreadableBody('a media value is not base64');
    return Buffer.from(characters, 'latin1');
  }

  private async finish(at: number): Promise<MediaEnd> {
    try {
      const last = this.decoder.finish();
      if (last.length > 0) await this.writer?.write(last);
    } catch (error) {
      if (!(error instanceof UnreadableBody)) throw error;
      await this.spoil(error.message);
      return { kind: 'unreadable', reason: error.message, at };
    }
    const { writer } = this;
    if (writer === undefined) throw new Error('media ends that has not begun');
    const blob = await writer.finish();
    this.writer = undefined;
    return { kind: 'stored', blob, at };
  }

  private async spoil(reason: string): Promise<void> {
    this.reason = reason;
    this.escaped = this.escape === '\\';
    await this.abort();
  }

  private skip(chunk: Buffer, start: number): MediaEnd | undefined {
    for (let at = start; at < chunk.length; at += 1) {
      if (this.escaped) this.escaped = false;
      else if (chunk[at] === BACKSLASH) this.escaped = true;
      else if (chunk[at] === QUOTE) return { kind: 'unreadable', reason: this.reason ?? '', at: at + 1 };
    }
    return undefined;
  }
}

/** Where an escape begins whose end is missing, or -1. */
function unfinishedEscape(text: string): number {
  const cut = /\\(?:u[\da-f]{0,3})?$/i.exec(text.slice(-LONGEST_UNFINISHED));
  if (cut === null) return -1;
  const at = Math.max(0, text.length - LONGEST_UNFINISHED) + cut.index;
  let before = 0;
  while (text[at - 1 - before] === '\\') before += 1;
  // The second backslash of two begins nothing.
  return before % 2 === 0 ? at : -1;
}
