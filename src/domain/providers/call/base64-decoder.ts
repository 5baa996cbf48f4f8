import { UnreadableBody } from './unreadable.js';

const DATA_SCHEME = 'data:';
/** `data:image/svg+xml;charset=utf-8;base64,` and the like; anything longer is no media type. */
const MAX_PREFIX_LENGTH = 256;
const EMPTY = Buffer.alloc(0);
const EQUALS = 0x3d;
const SPACE = 0x20;

/**
 * Decodes base64 text that comes as bytes in pieces of any length, strictly: a character that does not belong is an error, not skipped.
 * White space is allowed, and so is a `data:` URL's prefix before the first character.
 */
export class Base64Decoder {
  /** Text that may still turn out to be a prefix; undefined once that is settled. */
  private head: string | undefined = '';
  /** Up to three characters that do not make a whole group yet. */
  private carry = '';
  private padding = 0;
  private bytes = 0;
  private target = EMPTY;

  /**
   * The bytes of this piece, valid until the next call.
   * @throws UnreadableBody
   */
  push(piece: Buffer): Buffer {
    const text = this.head === undefined ? piece : this.withoutPrefix(piece);
    if (text.length === 0) return EMPTY;
    const equals = this.padding > 0 ? 0 : text.indexOf(EQUALS);
    if (equals === -1) return this.decode(text);
    this.pad(text.toString('latin1', equals));
    return this.decode(text.subarray(0, equals));
  }

  /** The last bytes. @throws UnreadableBody when the text ends within a group, or was empty. */
  finish(): Buffer {
    const head = this.head;
    if (head !== undefined && isDataUrl(head)) throw notBase64();
    this.head = undefined;
    const first = head === undefined || head === '' ? EMPTY : Buffer.from(this.push(Buffer.from(head, 'latin1')));
    const left = this.carry;
    const complete = left.length === 0 ? this.padding === 0 : left.length > 1 && (this.padding === 0 || left.length + this.padding === 4);
    const last = Buffer.from(left, 'base64');
    if (!complete || last.length !== Math.max(0, left.length - 1)) throw notBase64();
    this.bytes += last.length;
    if (this.bytes === 0) throw new UnreadableBody('a media value is empty');
    return first.length === 0 ? last : Buffer.concat([first, last]);
  }

  private decode(text: Buffer): Buffer {
    const room = (Math.ceil(text.length / 4) + 1) * 3;
    if (this.target.length < room) this.target = Buffer.allocUnsafe(room);
    const start = this.completeCarry(text);
    if (this.carry !== '') return EMPTY;
    const early = start > 0 ? 3 : 0;
    const whole = text.length - start - ((text.length - start) % 4);
    const expected = (whole / 4) * 3;
    // Whole groups alone become text: joined with what was left of the piece before, all of it would be copied once more.
    // Characters that are not base64 are skipped by the decoder, so their number shows in the length.
    const written = this.target.write(text.toString('latin1', start, start + whole), early, expected, 'base64');
    if (written === expected) {
      this.carry = text.toString('latin1', start + whole).replace(/\s+/g, '');
      this.bytes += early + written;
      return this.target.subarray(0, early + written);
    }
    const compact = text.toString('latin1', start).replace(/\s+/g, '');
    if (compact.length === text.length - start) throw notBase64();
    const first = Buffer.from(this.target.subarray(0, early));
    this.bytes += early;
    return Buffer.concat([first, this.decode(Buffer.from(compact, 'latin1'))]);
  }

  /** Decodes the group that was begun, if this text has the rest of it, to the target's beginning. Answers where the next group starts. */
  private completeCarry(text: Buffer): number {
    let at = 0;
    for (; this.carry !== '' && this.carry.length < 4 && at < text.length; at += 1) {
      this.carry += String.fromCharCode(text[at] as number).trim();
    }
    if (this.carry.length === 4) {
      if (this.target.write(this.carry, 0, 3, 'base64') !== 3) throw notBase64();
      this.carry = '';
    }
    return at;
  }

  private pad(text: string): void {
    const count = text.replace(/\s+/g, '');
    this.padding += count.length;
    if (!/^=*$/.test(count) || this.padding > 2) throw notBase64();
  }

  private withoutPrefix(text: Buffer): Buffer {
    const piece = this.head === '' ? trimmedStart(text) : text;
    const head = this.head + piece.toString('latin1', 0, MAX_PREFIX_LENGTH + 1);
    const before = head.length - Math.min(piece.length, MAX_PREFIX_LENGTH + 1);
    if (head.length < DATA_SCHEME.length && DATA_SCHEME.startsWith(head.toLowerCase())) {
      this.head = head;
      return EMPTY;
    }
    if (!isDataUrl(head)) {
      this.head = undefined;
      return before === 0 ? piece : Buffer.concat([Buffer.from(head.slice(0, before), 'latin1'), piece]);
    }
    const comma = head.indexOf(',');
    if ((comma === -1 ? head.length : comma) > MAX_PREFIX_LENGTH) throw notBase64();
    if (comma === -1) {
      this.head = head;
      return EMPTY;
    }
    if (!/;\s*base64\s*$/i.test(head.slice(0, comma))) throw notBase64();
    this.head = undefined;
    return piece.subarray(comma + 1 - before);
  }
}

function trimmedStart(text: Buffer): Buffer {
  let at = 0;
  while (at < text.length && (text[at] as number) <= SPACE) at += 1;
  return text.subarray(at);
}

/** Schemes are written in any case. */
function isDataUrl(text: string): boolean {
  return text.slice(0, DATA_SCHEME.length).toLowerCase() === DATA_SCHEME;
}

function notBase64(): UnreadableBody {
  return new UnreadableBody('a media value is not base64');
}
