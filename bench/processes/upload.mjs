import { buildPicture, stamp } from '../lib/picture.mjs';

const BOUNDARY = 'litegen-bench-7f3a9c1e';
const PART_BYTES = 65_536;

let number = 0;

/**
 * A form with one picture, as OpenAI's clients send edits. All uploads share the memory of the picture.
 * @param order `{side, fields}`; `side` in pixels
 */
export function uploadOf({ side, fields }) {
  const { head, tail } = buildPicture(side);
  const stampBytes = stamp(0).length;
  const texts = Object.entries(fields).map(
    ([name, value]) => `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const before = Buffer.from(
    `${texts.join('')}--${BOUNDARY}\r\ncontent-disposition: form-data; name="image"; filename="picture.png"\r\ncontent-type: image/png\r\n\r\n`,
  );
  const after = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${BOUNDARY}`,
    contentLength: before.length + head.length + stampBytes + tail.length + after.length,
    async *stream() {
      number += 1;
      yield before;
      yield head;
      yield stamp(number);
      for (let at = 0; at < tail.length; at += PART_BYTES) yield tail.subarray(at, at + PART_BYTES);
      yield after;
    },
  };
}
