import { makePng } from '@litegen/plugin-sdk/testing';
import { type HostileCase, type Random, request } from './hostile-case.js';

const PATH = '/v1/images/edits?dryRun=true';
const TYPE = 'multipart/form-data; boundary=limit';
const PNG = makePng();

function part(headers: string, content: string | Buffer = 'x'): Buffer {
  return Buffer.concat([Buffer.from(`--limit\r\n${headers}\r\n\r\n`, 'latin1'), Buffer.from(content), Buffer.from('\r\n')]);
}

const field = (name: string, content: string | Buffer = 'x'): Buffer => part(`Content-Disposition: form-data; name="${name}"`, content);
const file = (name: string, filename: string, content: Buffer = PNG): Buffer =>
  part(`Content-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: image/png`, content);
const form = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, Buffer.from('--limit--\r\n')]);

const many = (count: number, make: (index: number) => Buffer): Buffer => form(...Array.from({ length: count }, (_, index) => make(index)));

const FORMS: readonly (readonly [string, () => Buffer, string?])[] = [
  ['no parts', () => Buffer.from('--limit--\r\n')],
  ['nothing', () => Buffer.alloc(0)],
  ['no end', () => Buffer.from('--limit\r\nContent-Disposition: form-data; name="a"\r\n\r\nx')],
  ['a header without an end', () => Buffer.from('--limit\r\nContent-Disposition: form-data')],
  ['another boundary', () => form(field('model')), 'multipart/form-data; boundary=other'],
  ['no boundary', () => form(field('model')), 'multipart/form-data'],
  ['an empty boundary', () => form(field('model')), 'multipart/form-data; boundary='],
  ['a boundary of 5,000 characters', () => form(field('model')), `multipart/form-data; boundary=${'b'.repeat(5000)}`],
  ['two boundaries', () => form(field('model')), 'multipart/form-data; boundary=limit; boundary=other'],
  ['a boundary with a colon', () => form(field('model')), 'multipart/form-data; boundary="li:mit"'],
  ['multipart of another kind', () => form(field('model')), 'multipart/mixed; boundary=limit'],
  ['JSON that calls itself a form', () => Buffer.from('{"model":"mock/paint"}'), TYPE],
  ['a form that calls itself JSON', () => form(field('model')), 'application/json'],
  ['a part without a name', () => form(part('Content-Disposition: form-data'))],
  ['a part without a disposition', () => form(part('Content-Type: text/plain'))],
  ['a part without headers', () => form(part(''))],
  ['a part that is an attachment', () => form(part('Content-Disposition: attachment; name="model"'))],
  ['an empty name', () => form(field(''))],
  ['a name of 100 KB', () => form(field('n'.repeat(70_000)))],
  ['a name with U+0000', () => form(field('a\0b'))],
  ['a name with a line break', () => form(field('a%0d%0ab'))],
  ['a name with quotes', () => form(field('a\\"b'))],
  ['a prototype', () => form(field('__proto__'), field('__proto__[x]'), field('constructor[prototype][x]'))],
  ['a name that nests 1,000 deep', () => form(field(`a${'[a]'.repeat(1000)}`))],
  ['an index of a billion', () => form(field('metadata[list][1000000000]'))],
  ['a name that is two things', () => form(field('metadata', '{}'), field('metadata[a]'))],
  ['brackets without sense', () => form(field('[]'), field('[[]]'), field('a]['))],
  ['a file name that climbs', () => form(file('image', '../../../../etc/passwd'))],
  ['a file name of 70 KB', () => form(file('image', 'f'.repeat(70_000)))],
  ['a file name with U+0000', () => form(file('image', 'a\0.png'))],
  ['a file name in RFC 5987', () => form(part(`Content-Disposition: form-data; name="image"; filename*=utf-8''%ff%00`, PNG))],
  ['a file as the model', () => form(file('model', 'a.png'))],
  ['a file as metadata', () => form(file('metadata', 'a.json'))],
  ['an empty file', () => form(file('image', 'a.png', Buffer.alloc(0)))],
  ['a file under an unknown role', () => form(file('muse', 'a.png'))],
  ['a base64 part', () => form(part('Content-Disposition: form-data; name="prompt"\r\nContent-Transfer-Encoding: base64', 'eA=='))],
  [
    'a part in UTF-16',
    () =>
      form(
        part('Content-Disposition: form-data; name="prompt"\r\nContent-Type: text/plain; charset=utf-16le', Buffer.from('xä', 'utf16le')),
      ),
  ],
  [
    'a part in a charset that there is not',
    () =>
      form(part('Content-Disposition: form-data; name="prompt"\r\nContent-Type: text/plain; charset=utf-5', Buffer.from('xä', 'latin1'))),
  ],
  ['a part that is no UTF-8', () => form(field('prompt', Buffer.from('ä', 'latin1')))],
  ['a part with U+0000', () => form(field('prompt', 'a\0b'))],
  ['JSON that is none', () => form(part('Content-Disposition: form-data; name="metadata"\r\nContent-Type: application/json', '{'))],
  ['deep JSON', () => form(part('Content-Disposition: form-data; name="metadata"\r\nContent-Type: application/json', '['.repeat(100_000)))],
  ['deep JSON in a text', () => form(field('metadata', '['.repeat(100_000)))],
  ['a deep document', () => form(field('request', '{"a":'.repeat(100_000)))],
  ['two documents', () => form(field('request', '{}'), field('request', '[]'))],
  ['a document that is a picture', () => form(file('request', 'a.png'))],
  [
    'a document of a missing part',
    () => form(field('request', '{"model":"mock/paint","prompt":"x","reference_images":[{"type":"blob","value":"gone"}]}')),
  ],
  ['100 parts', () => many(100, (index) => field(`f${index}`))],
  ['10,000 parts', () => many(10_000, () => field('a'))],
  ['65 files', () => many(65, () => file('image', 'a.png'))],
  [
    '3,000 headers of a part',
    () =>
      form(part(['Content-Disposition: form-data; name="a"', ...Array.from({ length: 3000 }, (_, index) => `X-${index}: x`)].join('\r\n'))),
  ],
  ['a header of a part of 1 MB', () => form(part(`Content-Disposition: form-data; name="a"\r\nX-A: ${'a'.repeat(1_000_000)}`))],
  ['20 MB before the first part', () => Buffer.concat([Buffer.alloc(20_000_000, 0x2d), form(field('model'))])],
  [
    '20 MB of half boundaries',
    () =>
      Buffer.concat([
        Buffer.from('--limit\r\nContent-Disposition: form-data; name="a"\r\n\r\n'),
        Buffer.from('\r\n--limi'.repeat(2_500_000)),
      ]),
  ],
  ['20 MB behind the last part', () => Buffer.concat([form(field('model')), Buffer.alloc(20_000_000, 0x61)])],
  ['a text of 30 MB', () => form(field('prompt', 'a'.repeat(30_000_000)))],
  ['a number of a million digits', () => form(field('n', '9'.repeat(1_000_000)))],
  [
    'a form within a form',
    () =>
      form(
        part(
          'Content-Disposition: form-data; name="files"\r\nContent-Type: multipart/mixed; boundary=inner',
          '--inner\r\n\r\nx\r\n--inner--',
        ),
      ),
  ],
  ['bare line feeds', () => Buffer.from(form(field('model')).toString('latin1').replaceAll('\r\n', '\n'))],
];

export function formCases(random: Random): HostileCase[] {
  const good = form(field('model', 'mock/paint'), field('prompt', 'x'), field('metadata[a][0]', '1'), file('image', 'a.png'));
  const broken = Array.from({ length: 12 }, (_, index): HostileCase => {
    const bytes = Buffer.from(good);
    // The pixels are somebody else's matter.
    for (let flips = 0; flips < 4; flips += 1) bytes[random.whole(bytes.indexOf('PNG'))] = random.whole(256);
    return { name: `form: flipped bytes ${index}`, parts: () => [request(PATH, bytes, { type: TYPE })] };
  });
  const cut = Array.from({ length: 8 }, (_, index): HostileCase => {
    const bytes = good.subarray(0, random.whole(good.length));
    return { name: `form: cut off ${index}`, parts: () => [request(PATH, bytes, { type: TYPE })] };
  });
  return [
    ...FORMS.map(([name, bytes, type = TYPE]) => ({ name: `form: ${name}`, parts: () => [request(PATH, bytes(), { type })] })),
    ...broken,
    ...cut,
  ];
}
