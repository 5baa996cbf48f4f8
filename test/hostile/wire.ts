import { type HostileCase, pause, type Random, request } from './hostile-case.js';

const IMAGE = '/v1/images/generations';
const BODY = '{"model":"mock/paint","prompt":"x","size":"256x256"}';
const HOST = 'Host: 127.0.0.1\r\n';

const get = (path: string, ...headers: readonly string[]): string =>
  `GET ${path} HTTP/1.1\r\n${HOST}${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

/** Paths and queries. */
const TARGETS = [
  ...[
    '/v1/keys/%00',
    '/v1/keys/%',
    '/v1/keys/%zz',
    '/v1/keys/%ff',
    '/v1/keys/%c0%80',
    '/v1/keys/%ed%a0%80',
    '/v1/keys/%2e%2e%2f',
    `/v1/keys/${'a'.repeat(600)}`,
  ],
  ...[
    '/v1/../../etc/passwd',
    '/v1//keys///x',
    '/v1/keys/x/../y',
    '//v1/keys',
    '/v1/keys/;x',
    '/v1/keys/a\\b',
    '/V1/KEYS',
    '/v1/keys/nobody/rotate/more',
  ],
  ...[
    `/v1/keys/${'x'.repeat(7000)}`,
    `/v1/models/${'a/'.repeat(3000)}`,
    `/${'a/'.repeat(3900)}`,
    `/v1/models?${'a=1&'.repeat(1900)}`,
    '/v1/models?%00=1',
    '/v1/models?provider=%00',
  ],
  ...[
    '/v1/generations?page=0x10',
    '/v1/generations?page=1e9',
    '/v1/generations?per_page=-1',
    '/v1/generations?page[]=1',
    '/v1/generations?page=1&page=2',
    '/v1/generations?__proto__=1',
  ],
  ...[
    '/v1/generations?after=x',
    '/v1/generations?after=%00',
    '/v1/logs?from=20200101',
    '/v1/logs?from=2030-02-30',
    '/v1/logs?format=xml',
    '/v1/videos?after=%ff',
    '/v1/videos?limit=1e1',
  ],
  ...[
    '/v1/files/x?expires=NaN&signature=x',
    '/v1/files/%00',
    '/v1/files/asset-1?expires=1e400&signature=%00',
    '/v1/callbacks/%00',
    '/v1/callbacks/x',
    '/v1/stats?x=1',
  ],
  ...[
    '/v1/generations/litegen-img-%F0%9F%98%80',
    '/v1/generations/x/events',
    '/v1/logs/%00/artifact',
    '/.well-known/litegen-webhooks.json?endpoint[]=1',
    'http://example.com/v1/models',
    '*',
  ],
];

const HEADERS = [
  ...[
    'Authorization: Bearer',
    'Authorization: Bearer sk_live_\x80\xff',
    `Authorization: Bearer ${'a'.repeat(8000)}`,
    'Authorization: Basic eDp5',
    'Range: bytes=9-1,-,5',
  ],
  ...[
    'Prefer: wait=1e9, respond-async=',
    'Prefer: ,,,;;;===',
    `Prefer: ${'wait=1,'.repeat(1500)}`,
    'X-Request-Id: a b',
    'X-Request-Id: \xff',
    'Accept: \xff/\xff',
    'Origin: null',
  ],
  ...[
    'X-Forwarded-For: ::::',
    'X-Forwarded-Proto: javascript',
    'Forwarded: for="',
    'traceparent: 00-00000000000000000000000000000000-0000000000000000-00',
    'traceparent: x'.repeat(2),
  ],
  ...[
    'Connection: upgrade\r\nUpgrade: websocket',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    'Expect: 200-maybe',
    'TE: trailers, x',
  ],
  ...[
    'If-None-Match: *',
    `Cookie: ${'a=b; '.repeat(2500)}`,
    'Content-Length: 0\r\nContent-Type: \xff',
    'Last-Event-ID: \x80',
    'Host: a, b',
    'Cache-Control: max-age=1e9, no-store="',
  ],
];

/** Headers that routes that make generations read. */
const REQUEST_HEADERS = [
  ...[
    'Idempotency-Key: \xff',
    `Idempotency-Key: ${'k'.repeat(300)}`,
    'X-Litegen-Quote: \x80',
    `X-Litegen-Quote: ${'q'.repeat(5000)}`,
    'X-Litegen-Strict: perhaps',
    'X-Litegen-Cache-TTL: 1e9',
  ],
  ...[
    'X-Litegen-Cache-TTL: -1',
    'X-Litegen-Cache-TTL: 99999999999999999999',
    'X-Stainless-Retry-Count: NaN',
    'Content-Type: application/json',
    'Content-Type: text/plain',
    'Expect: 100-continue',
  ],
];

/** What the parser itself refuses, and what only looks like a request. */
const BROKEN: readonly (readonly [string, string])[] = [
  ['TLS', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/9.9', `GET / HTTP/9.9\r\n${HOST}\r\n`],
  ['no version', 'GET /\r\n\r\n'],
  ['a method that there is not', `GE\tT / HTTP/1.1\r\n${HOST}\r\n`],
  ['a space before a colon', `GET / HTTP/1.1\r\n${HOST}X : y\r\n\r\n`],
  ['a folded header', `GET / HTTP/1.1\r\n${HOST}X: y\r\n z\r\n\r\n`],
  ['U+0000 in a header', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
  ['bare line feeds', 'GET / HTTP/1.1\nHost: x\n\n'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
  ['two lengths', `POST ${IMAGE} HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`],
  ['a length and chunks', `POST ${IMAGE} HTTP/1.1\r\n${HOST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a negative length', `POST ${IMAGE} HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`],
  ['a length in hex', `POST ${IMAGE} HTTP/1.1\r\n${HOST}Content-Length: 0x10\r\n\r\n`],
  ['an endless length', `POST ${IMAGE} HTTP/1.1\r\n${HOST}Content-Length: ${'9'.repeat(40)}\r\n\r\n`],
  ['a length beyond the limit', `POST ${IMAGE} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n`],
  ['an unknown transfer coding', `POST ${IMAGE} HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip\r\n\r\nx`],
  ['a broken chunk', `POST ${IMAGE} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n`],
  [
    '20 KB of a chunk’s extension',
    `POST ${IMAGE} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}\r\n`,
  ],
  ['a URL of 20 KB', get(`/${'a'.repeat(20_000)}`)],
  ['a header of 20 KB', get('/', `X: ${'a'.repeat(20_000)}`)],
  ['2,000 headers', get('/v1/nothing', ...Array.from({ length: 2000 }, (_, index) => `X-${index}: y`))],
  ['a proxy’s request', `CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`],
];

export function wireCases(random: Random): HostileCase[] {
  const targets = TARGETS.map((target) => ({ name: `target ${target.slice(0, 60)}`, parts: () => [get(target)] }));
  const headers = HEADERS.map((header) => ({
    name: `header ${header.slice(0, 60)}`,
    parts: () => [Buffer.from(get('/v1/models', header), 'latin1')],
  }));
  const requestHeaders = REQUEST_HEADERS.map((header) => ({
    name: `request header ${header.slice(0, 60)}`,
    parts: () => [request(`${IMAGE}?dryRun=true`, BODY, { headers: [header] })],
  }));
  const methods = ['PUT', 'TRACE', 'PROPFIND', 'OPTIONS', 'DELETE', 'PATCH', 'QUERY'].map((method) => {
    const path = random.of(['/v1/keys', IMAGE, '/health/live', '/nowhere']);
    return { name: `method ${method} ${path}`, parts: () => [request(path, '{}', { method })] };
  });
  const broken = BROKEN.map(([name, text]) => ({ name: `parser: ${name}`, parts: () => [Buffer.from(text, 'latin1')] }));
  return [...targets, ...headers, ...requestHeaders, ...methods, ...broken];
}

/** Clients that take their time, and such that leave. */
export function slowCases(): HostileCase[] {
  const head = request(IMAGE, '', { length: BODY.length });
  const drip = (bytes: Buffer, size: number, ms: number): (Buffer | (() => Promise<unknown>))[] =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => [
      bytes.subarray(index * size, (index + 1) * size),
      pause(ms),
    ]).flat();
  const chunked = Buffer.from(
    [...BODY]
      .map((character) => `1\r\n${character}\r\n`)
      .join('')
      .concat('0\r\n\r\n'),
  );
  const chunkedHead = request(IMAGE, '', { length: null, headers: ['Transfer-Encoding: chunked'] });
  const form = request('/v1/images/edits', '', { type: 'multipart/form-data; boundary=b', length: 1_000_000 });
  return [
    { name: 'slow: a byte at a time', parts: () => [head, ...drip(Buffer.from(BODY), 1, 20)] },
    { name: 'slow: headers a byte at a time', parts: () => drip(request(IMAGE, BODY), 2, 10) },
    { name: 'slow: chunks of one byte', parts: () => [chunkedHead, ...drip(chunked, 30, 20)] },
    {
      name: 'slow: 100,000 chunks of one byte at once',
      parts: () => [chunkedHead, Buffer.from(`${'1\r\n \r\n'.repeat(100_000)}0\r\n\r\n`)],
    },
    { name: 'slow: leaves within the headers', parts: () => ['POST /v1/quote HTTP/1.1\r\nHost:', pause(300)], answered: false },
    { name: 'slow: leaves within the body', parts: () => [head, BODY.slice(0, 10), pause(300)], answered: false },
    {
      name: 'slow: leaves within a form',
      parts: () => [form, '--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n\x89PNG', pause(300)],
      answered: false,
    },
    { name: 'slow: leaves before the answer', parts: () => [request(IMAGE, BODY), pause(1)], answered: false },
    { name: 'slow: announces a chunk without end', parts: () => [chunkedHead, 'ffffffffffffffff\r\n', pause(500)], answered: false },
    { name: 'slow: says nothing', parts: () => [pause(500)], answered: false },
    { name: 'slow: asks twice at once', parts: () => [Buffer.concat([request(IMAGE, BODY), request(IMAGE, '{')])] },
  ];
}
