import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { type HostileCase, type Random, request } from './hostile-case.js';

const PATH = '/v1/images/generations?dryRun=true';
const TEXT = JSON.stringify({ model: 'mock/paint', prompt: 'ein Bär' });
const CHARSETS = [
  'utf-8',
  'UTF-16',
  'utf-16be',
  'utf-16le',
  'utf-32',
  'utf-7',
  'iso-8859-1',
  'shift_jis',
  'gb18030',
  'euc-kr',
  'ebcdic',
  'x-user-defined',
  '',
  '"',
  'a'.repeat(5000),
];
const CODINGS = [
  'gzip',
  'deflate',
  'br',
  'zstd',
  'compress',
  'x-gzip',
  'identity',
  'gzip, br',
  'gzip;q=1',
  '*',
  '',
  'gzip, gzip, gzip, gzip',
  'chunked',
  'a'.repeat(5000),
];

export function encodingCases(random: Random): HostileCase[] {
  const charsets = CHARSETS.map((charset) => {
    const bytes = random.of([Buffer.from(TEXT), Buffer.from(TEXT, 'latin1'), Buffer.from(TEXT, 'utf16le')]);
    return {
      name: `charset ${charset.slice(0, 20)}`,
      parts: () => [request(PATH, bytes, { type: `application/json; charset=${charset}` })],
    };
  });
  const codings = CODINGS.flatMap((coding) =>
    [Buffer.from(TEXT), gzipSync(TEXT)].map((bytes, index) => ({
      name: `coding ${coding.slice(0, 20)} (${index})`,
      parts: () => [request(PATH, bytes, { headers: [`Content-Encoding: ${coding}`] })],
    })),
  );
  const coded = (name: string, coding: string, bytes: Buffer, type?: string): HostileCase => ({
    name,
    parts: () => [request(PATH, bytes, { headers: [`Content-Encoding: ${coding}`], ...(type === undefined ? {} : { type }) })],
  });
  const blanks = Buffer.alloc(100_000_000, 0x20);
  const form = Buffer.concat([
    Buffer.from('--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'),
    blanks,
    Buffer.from('\r\n--b--\r\n'),
  ]);
  const noise = random.bytes(5000);
  return [
    ...charsets,
    ...codings,
    coded('a bomb of gzip', 'gzip', gzipSync(blanks)),
    coded('a bomb of deflate', 'deflate', deflateSync(blanks)),
    coded('a bomb of brotli', 'br', brotliCompressSync(blanks, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } })),
    coded('a bomb within a bomb', 'gzip, gzip', gzipSync(gzipSync(blanks))),
    coded('a form that is a bomb', 'gzip', gzipSync(form), 'multipart/form-data; boundary=b'),
    coded('a form whose preamble is a bomb', 'gzip', gzipSync(blanks), 'multipart/form-data; boundary=b'),
    coded('gzip that breaks off', 'gzip', gzipSync(TEXT).subarray(0, 20)),
    coded('gzip with a wrong checksum', 'gzip', withoutChecksum(gzipSync(TEXT))),
    coded('gzip with something behind it', 'gzip', Buffer.concat([gzipSync(TEXT), random.bytes(100)])),
    coded('deflate without its header', 'deflate', deflateRawSync(TEXT)),
    coded('a thousand empty members of gzip', 'gzip', Buffer.concat(Array.from({ length: 1000 }, () => gzipSync('')))),
    ...Array.from({ length: 6 }, (_, index) => coded(`flipped ${index}`, 'gzip', flipped(gzipSync(TEXT), random))),
    ...['latin1', 'utf16le'].map((encoding) => ({
      name: `${encoding} that calls itself nothing`,
      parts: () => [request(PATH, Buffer.from(TEXT, encoding as 'latin1'))],
    })),
    ...['GET', 'DELETE', 'OPTIONS', 'POST', 'PATCH'].flatMap((method) =>
      ['/v1/keys/nobody', '/nowhere', '/v1/callbacks/nobody', '/health/live'].map((path) => ({
        name: `broken gzip that nobody reads: ${method} ${path}`,
        parts: () => [request(path, 'no gzip at all', { method, type: '', headers: ['Content-Encoding: gzip'] })],
      })),
    ),
    { name: 'random bytes', parts: () => [request(PATH, noise)] },
    { name: 'UTF-8 that breaks off', parts: () => [request(PATH, Buffer.from(TEXT).subarray(0, TEXT.indexOf('ä') + 1))] },
    { name: 'byte-order marks', parts: () => [request(PATH, `\uFEFF\uFEFF${TEXT}`)] },
  ];
}

function flipped(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  for (let flips = 0; flips < 4; flips += 1) copy[random.whole(copy.length)] = random.whole(256);
  return copy;
}

function withoutChecksum(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, -8), Buffer.alloc(8)]);
}
