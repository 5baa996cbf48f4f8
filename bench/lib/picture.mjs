// Real PNG files of any size, each one different, at the price of 24 bytes: noise that no encoder could shrink, behind a private
// chunk that carries a number. Vendor and load generator build the same bytes, so that what arrives can be compared by its hash.
import { createCipheriv, createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const RGB_BYTES = 3;
const STAMP_TYPE = 'bnCh';
const NUMBER_BYTES = 12;
/** Both are multiples of three, so that base64 can be cut there. */
const STAMP_AT = 33;
const STAMP_BYTES = 24;

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

function header(side) {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(side, 0);
  data.writeUInt32BE(side, 4);
  data[8] = 8;
  data[9] = 2;
  return chunk('IHDR', data);
}

function pixels(side) {
  const row = 1 + side * RGB_BYTES;
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(row * side));
  for (let line = 0; line < side; line += 1) noise[line * row] = 0;
  return deflateSync(noise, { level: 0 });
}

/** The picture's number `n` is `head`, `stamp(n)`, `tail`. */
export function buildPicture(side) {
  const head = Buffer.concat([SIGNATURE, header(side)]);
  const tail = Buffer.concat([chunk('IDAT', pixels(side)), chunk('IEND', Buffer.alloc(0))]);
  return { head, tail, bytes: head.length + STAMP_BYTES + tail.length };
}

export function stamp(number) {
  const data = Buffer.alloc(NUMBER_BYTES);
  data.writeUInt32BE(number, NUMBER_BYTES - 4);
  return chunk(STAMP_TYPE, data);
}

/** The side of a square picture whose file has about so many bytes. */
export function sideFor(bytes) {
  return Math.max(1, Math.floor(Math.sqrt(bytes / RGB_BYTES)));
}

/** @throws when the bytes are not one of the pictures of this side. */
export function verifyPicture(bytes, picture) {
  if (bytes.length !== picture.bytes) throw new Error(`the picture has ${bytes.length} bytes instead of ${picture.bytes}`);
  const number = bytes.readUInt32BE(STAMP_AT + 8 + NUMBER_BYTES - 4);
  const expected = createHash('sha256').update(picture.head).update(stamp(number)).update(picture.tail).digest('hex');
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== expected) throw new Error(`the picture's sha256 is ${found} instead of ${expected}`);
}
