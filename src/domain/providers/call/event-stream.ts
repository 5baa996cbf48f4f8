import { type Json, parseJson, type ServerSentEvent } from '@litegen/plugin-sdk';
import { JsonTap, type JsonTapOptions } from './json-tap.js';
import { UnreadableBody } from './unreadable.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
/** Field names and event names are short; a longer line that is not data means that this is no event stream. */
const MAX_NAME_BYTES = 4096;
/** Its bytes, as Latin-1. */
const BYTE_ORDER_MARK = /^\xef\xbb\xbf/;

/**
 * Reads the `text/event-stream` format (HTML Standard, section 9.2.6). The bytes of `data` lines go straight through a
 * {@link JsonTap}, so an event with a large picture takes no more memory than a small one.
 */
export class EventStream {
  private tap: JsonTap | undefined;
  /** A byte-order mark may stand before the first line. */
  private atStart = true;
  private eventName = '';
  private lineField: string | undefined;
  private line = '';
  /** The value's first character is due, which may be a space that does not count. */
  private atValueStart = false;
  private afterCarriageReturn = false;

  constructor(private readonly options: JsonTapOptions & { readonly textKeys?: readonly string[] }) {}

  /** @throws UnreadableBody, and what the body and the writers throw. */
  async *read(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
    try {
      for await (const part of body) {
        const chunk = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
        // Looked up once a chunk: most streams have no carriage returns, most data chunks no line end at all.
        let nextReturn = chunk.indexOf(CARRIAGE_RETURN);
        for (let at = 0; at < chunk.length; ) {
          if (this.afterCarriageReturn && chunk[at] === LINE_FEED) at += 1;
          this.afterCarriageReturn = false;
          if (nextReturn !== -1 && nextReturn < at) nextReturn = chunk.indexOf(CARRIAGE_RETURN, at);
          const nextFeed = chunk.indexOf(LINE_FEED, at);
          const ends = [nextReturn, nextFeed].filter((end) => end !== -1);
          const end = ends.length === 0 ? chunk.length : Math.min(...ends);
          if (end > at) await this.take(chunk.subarray(at, end));
          if (end === chunk.length) break;
          this.afterCarriageReturn = chunk[end] === CARRIAGE_RETURN;
          const event = await this.endLine();
          if (event !== undefined) yield event;
          at = end + 1;
        }
      }
    } finally {
      // An event that was not closed by an empty line does not count.
      await this.tap?.abort();
    }
  }

  /** A piece of the current line. */
  private async take(piece: Buffer): Promise<void> {
    if (this.lineField === undefined) {
      const colon = piece.indexOf(COLON);
      this.line += piece.toString('latin1', 0, colon === -1 ? piece.length : colon);
      if (this.line.length > MAX_NAME_BYTES) throw new UnreadableBody('its body is not an event stream');
      if (colon === -1) return;
      this.lineField = this.atStart ? this.line.replace(BYTE_ORDER_MARK, '') : this.line;
      this.atStart = false;
      this.line = '';
      this.atValueStart = true;
      if (this.lineField === 'data') await this.beginData();
      piece = piece.subarray(colon + 1);
    }
    if (piece.length === 0) return;
    const value = this.atValueStart && piece[0] === SPACE ? piece.subarray(1) : piece;
    this.atValueStart = false;
    if (this.lineField === 'data') await this.tap?.write(value);
    else if (this.lineField === 'event') {
      this.line += value.toString('latin1');
      if (this.line.length > MAX_NAME_BYTES) throw new UnreadableBody('its body is not an event stream');
    }
  }

  private async beginData(): Promise<void> {
    if (this.tap === undefined) this.tap = new JsonTap(this.options);
    else await this.tap.write(Buffer.from('\n'));
  }

  private async endLine(): Promise<ServerSentEvent | undefined> {
    const field = this.lineField;
    const line = this.line;
    this.lineField = undefined;
    this.line = '';
    this.atStart = false;
    if (field === undefined && line === '') return this.dispatch();
    if (field === 'event') this.eventName = Buffer.from(line, 'latin1').toString('utf8');
    else if (field === undefined && line === 'data') await this.beginData();
    else if (field === undefined && line === 'event') this.eventName = '';
    return undefined;
  }

  private async dispatch(): Promise<ServerSentEvent | undefined> {
    const { tap, eventName } = this;
    this.tap = undefined;
    this.eventName = '';
    if (tap === undefined) return undefined;
    return { event: eventName === '' ? 'message' : eventName, data: parse(await tap.finish(), tap.storedCount > 0, this.options.textKeys) };
  }
}

function parse(text: string, hasMedia: boolean, textKeys: readonly string[] | undefined): Json {
  try {
    return parseJson(text, textKeys) as Json;
  } catch (error) {
    if (hasMedia) throw new UnreadableBody('an event with media is not JSON', error);
    return text;
  }
}
