import { UnreadableBody } from './unreadable.js';

const DATA_SCHEME = 'data:';
/** `data:image/svg+xml;charset=utf-8;base64,` and the like; anything longer is no media type. */
const MAX_PREFIX_LENGTH = 256;
const EMPTY = Buffer.alloc(0);

/**
 * Decodes base64 that comes in pieces of any length, strictly: a character that does not belong is an error, not skipped.
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
  push(piece: string): Buffer {
    const text = this.head === undefined ? piece : this.withoutPrefix(piece);
    if (text === '') return EMPTY;
    const equals = this.padding > 0 ? 0 : text.indexOf('=');
    if (equals === -1) return this.decode(this.carry + text);
    this.pad(text.slice(equals));
    return this.decode(this.carry + text.slice(0, equals));
  }

  /** The last bytes. @throws UnreadableBody when the text ends within a group, or was empty. */
  finish(): Buffer {
    const head = this.head;
    if (head?.startsWith(DATA_SCHEME)) throw notBase64();
    this.head = undefined;
    const first = head === undefined || head === '' ? EMPTY : Buffer.from(this.push(head));
    const left = this.carry;
    const complete = left.length === 0 ? this.padding === 0 : left.length > 1 && (this.padding === 0 || left.length + this.padding === 4);
    const last = Buffer.from(left, 'base64');
    if (!complete || last.length !== Math.max(0, left.length - 1)) throw notBase64();
    this.bytes += last.length;
    if (this.bytes === 0) throw new UnreadableBody('a media value is empty');
    return first.length === 0 ? last : Buffer.concat([first, last]);
  }

  private decode(text: string): Buffer {
    const whole = text.length - (text.length % 4);
    this.carry = text.slice(whole).replace(/\s+/g, '');
    const expected = (whole / 4) * 3;
    if (this.target.length < expected) this.target = Buffer.allocUnsafe(expected);
    // Characters that are not base64 are skipped by the decoder, so their number shows in the length.
    const written = this.target.write(whole === text.length ? text : text.slice(0, whole), 0, expected, 'base64');
    if (written === expected) {
      this.bytes += written;
      return this.target.subarray(0, written);
    }
    const compact = text.replace(/\s+/g, '');
    if (compact.length === text.length) throw notBase64();
    return this.decode(compact);
  }

  private pad(text: string): void {
    const count = text.replace(/\s+/g, '');
    this.padding += count.length;
    if (!/^=*$/.test(count) || this.padding > 2) throw notBase64();
  }

  private withoutPrefix(piece: string): string {
    const head = this.head + piece;
    if (head.length < DATA_SCHEME.length && DATA_SCHEME.startsWith(head)) {
      this.head = head;
      return '';
    }
    if (!head.startsWith(DATA_SCHEME)) {
      this.head = undefined;
      return head;
    }
    const comma = head.indexOf(',');
    if ((comma === -1 ? head.length : comma) > MAX_PREFIX_LENGTH) throw notBase64();
    if (comma === -1) {
      this.head = head;
      return '';
    }
    if (!head.slice(0, comma).endsWith(';base64')) throw notBase64();
    this.head = undefined;
    return head.slice(comma + 1);
  }
}

function notBase64(): UnreadableBody {
  return new UnreadableBody('a media value is not base64');
}
