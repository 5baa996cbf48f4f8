import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { contentCodings, decodeBody } from './content-coding.js';

it('stops a bomb while it inflates, and leaves the body open', async () => {
  const bomb = gzipSync(Buffer.alloc(100_000_000));
  const body = Readable.from(
    (function* () {
      for (let at = 0; at < bomb.length; at += 1024) yield bomb.subarray(at, at + 1024);
    })(),
  );
  const decoded = decodeBody(body, ['gzip'], 1_000_000);
  let bytes = 0;
  const read = async (): Promise<void> => {
    for await (const chunk of decoded) bytes += (chunk as Buffer).length;
  };
  await expect(read()).rejects.toMatchObject({ code: 'body_too_large' });
  expect(bytes).toBeLessThanOrEqual(1_000_000);
  expect(decoded.receivedEncodedLength).toBeLessThan(bomb.length / 2);
  await finished(body);
  expect(body.errored).toBeNull();
});

it('fails with a body that breaks off', async () => {
  const body = new Readable({ read: () => undefined });
  const decoded = decodeBody(body, ['gzip'], 1000);
  body.push(gzipSync('text').subarray(0, 12));
  setImmediate(() => body.destroy());
  await expect(decoded.toArray()).rejects.toThrow();
});

it('reads the header as RFC 9110 has it', () => {
  expect(contentCodings(undefined)).toEqual([]);
  expect(contentCodings(' Identity ,,')).toEqual([]);
  expect(contentCodings('GZIP, br')).toEqual(['gzip', 'br']);
  expect(() => contentCodings('gzip, exi')).toThrow(expect.objectContaining({ code: 'unsupported_media_type' }));
});

it('may be broken without anybody reading it', async () => {
  const decoded = decodeBody(Readable.from([Buffer.from('no gzip at all')]), ['gzip'], 1000);
  await new Promise((failed) => decoded.once('close', failed));
  expect(decoded.errored).not.toBeNull();
});
