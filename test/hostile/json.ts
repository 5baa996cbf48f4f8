import { type HostileCase, type Random, request } from './hostile-case.js';

const IMAGE = '/v1/images/generations';
/** Routes with a body, and one that each of them takes. */
const BODIES: readonly (readonly [string, string, Readonly<Record<string, unknown>>])[] = [
  [
    'POST',
    `${IMAGE}?dryRun=true`,
    { model: 'mock/paint', prompt: 'a boat', n: 1, size: '256x256', metadata: { a: 1 }, extra: {}, user: 'u' },
  ],
  ['POST', '/v1/images/edits?dryRun=true', { model: 'mock/paint', prompt: 'a boat', images: [{ image_url: 'https://example.com/a.png' }] }],
  [
    'POST',
    '/v1/videos?dryRun=true',
    { model: 'mock/clip', prompt: 'a boat', seconds: '2', reference_images: [{ type: 'url', value: 'x' }] },
  ],
  ['POST', '/v1/quote', { models: ['mock/paint'], prompt: 'a boat', reference_counts: { init: 1 } }],
  ['POST', '/v1/keys', { name: 'k', expires_at: '2030-01-01', allowed_models: ['mock/*'], cache: { ttl_seconds: 5 } }],
  ['PATCH', '/v1/keys/nobody', { name: 'k', rpm_limit: 5 }],
  ['POST', '/v1/keys/nobody/rotate', { grace_seconds: 5 }],
  ['POST', '/v1/budgets', { level: 'user', subject: 's', period: 'day', limit_usd: 1 }],
  ['POST', '/v1/webhooks/endpoints', { url: 'https://example.com/h', event_types: ['generation.completed'], description: 'd' }],
  ['POST', '/v1/webhooks/endpoints/nobody/redeliver', { since: '2030-01-01', state: 'dead' }],
  ['PATCH', '/v1/generations/nobody', { status: 'cancelled' }],
  ['POST', '/v1/generations/nobody/refund', { amount_usd: 1, reason: 'r' }],
];

/** JSON texts that take the place of a value. */
const VALUES = [
  ...['null', 'true', '0', '-0', '-1', '1.5', '1e400', '-1e400', '1e-400', '9007199254740993', '""', '" "', '"0x10"', '"1e2"', '[]', '{}'],
  ...['[null]', '[[]]', '{"":""}', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '{"\\u0000":1}', '"__proto__"', '{"__proto__":{"x":1}}'],
  ...[
    '{"constructor":{"prototype":{"x":1}}}',
    '{"toString":1}',
    '{"length":-1}',
    '[1,2,3,4,5]',
    '"2030-02-30"',
    '"20200101"',
    '"file:///etc/passwd"',
  ],
  ...['"javascript:alert(1)"', '"data:image/png;base64,AAAA"', '"data:,x"', '"\\r\\nSet-Cookie: a=b"', '"%00"', '"../../x"'],
  ...[`"${'a'.repeat(100_000)}"`, `"${'😀'.repeat(20_000)}"`, `[${'0,'.repeat(49_000)}0]`, `"${'\\\\\\"'.repeat(50_000)}"`],
  ...[`${'['.repeat(99)}${']'.repeat(99)}`, `${'['.repeat(200)}${']'.repeat(200)}`, `${'{"a":'.repeat(5000)}0${'}'.repeat(5000)}`],
];

const SHAPES: readonly (readonly [string, () => string])[] = [
  ['nothing', () => ''],
  ['blanks', () => ' \n\t'.repeat(1000)],
  ['a number', () => '7'],
  ['a text', () => '"x"'],
  ['null', () => 'null'],
  ['a list', () => '[]'],
  ['half an object', () => '{"model":"mock/paint","prompt":'],
  ['two objects', () => '{"model":"mock/paint"}{"prompt":"x"}'],
  ['a trailing comma', () => '{"model":"mock/paint",}'],
  ['single quotes', () => "{'model':'mock/paint'}"],
  ['a comment', () => '{/* */"model":"mock/paint"}'],
  ['NaN', () => '{"model":"mock/paint","n":NaN}'],
  ['the same key twice', () => '{"model":"mock/paint","model":null,"prompt":"x","prompt":5}'],
  ['a raw control character', () => '{"model":"mock/paint","prompt":"a\u0001b"}'],
  ['a form’s text', () => 'model=mock%2Fpaint&prompt=x'],
  ['a million brackets', () => '['.repeat(1_000_000)],
  ['a million braces', () => '{"a":'.repeat(1_000_000)],
  ['a million empty lists', () => `[${'[],'.repeat(1_000_000)}[]]`],
  ['a million keys', () => `{${Array.from({ length: 1_000_000 }, (_, index) => `"k${index}":0`).join(',')}}`],
  ['10 MB of blanks', () => ' '.repeat(10_000_000)],
  ['10 MB of one number', () => `{"n":${'9'.repeat(10_000_000)}}`],
  ['10 MB of escaped quotes', () => `{"prompt":"${'\\"'.repeat(5_000_000)}"}`],
  ['10 MB of backslashes', () => `{"prompt":"${'\\\\'.repeat(5_000_000)}"}`],
  ['10 MB of escapes', () => `{"prompt":"${'\\u0041'.repeat(1_600_000)}"}`],
  ['10 MB of metadata', () => `{"model":"mock/paint","prompt":"x","metadata":{"a":"${'a'.repeat(10_000_000)}"}}`],
  ['10 MB of an unknown field', () => `{"model":"mock/paint","prompt":"x","strict":false,"unknown":"${'a'.repeat(10_000_000)}"}`],
  [
    '10 MB of base64',
    () => `{"model":"mock/paint","prompt":"x","reference_images":[{"type":"base64","value":"${'A'.repeat(10_000_000)}"}]}`,
  ],
  [
    '10 MB of base64 in a data: URL',
    () =>
      `{"model":"mock/paint","prompt":"x","reference_images":[{"type":"url","value":"data:image/png;base64,${'A'.repeat(10_000_000)}"}]}`,
  ],
  [
    'a URL of 10 MB',
    () => `{"model":"mock/paint","prompt":"x","reference_images":[{"type":"url","value":"https://${'a'.repeat(10_000_000)}"}]}`,
  ],
  ['a body over the limit', () => `{"prompt":"${'a'.repeat(30_000_000)}"}`],
  ['10,000 references', () => `{"model":"mock/paint","prompt":"x","reference_images":[${'{"type":"url","value":"x"},'.repeat(10_000)}{}]}`],
  [
    '100 unknown fields in lax mode',
    () =>
      `{"model":"mock/paint","prompt":"x","strict":false,${Array.from({ length: 100 }, (_, index) => `"${'u'.repeat(190)}${index}":1`).join(',')}}`,
  ],
];

export function jsonCases(random: Random): HostileCase[] {
  const shapes = SHAPES.map(([name, text]) => ({ name: `JSON: ${name}`, parts: () => [request(IMAGE, text())] }));
  const swapped = BODIES.flatMap(([method, path, body]) =>
    Array.from({ length: 7 }, (_, index): HostileCase => {
      const field = random.of(Object.keys(body));
      const value = random.of(VALUES);
      const text = JSON.stringify({ ...body, [field]: '@' }).replace('"@"', () => value);
      return {
        name: `JSON: ${method} ${path} with ${field} = ${value.slice(0, 40)} (${index})`,
        parts: () => [request(path, text, { method })],
      };
    }),
  );
  const cut = BODIES.map(([method, path, body]): HostileCase => {
    const text = JSON.stringify(body);
    const end = 1 + random.whole(text.length - 1);
    return {
      name: `JSON: ${method} ${path} cut off`,
      parts: () => [request(path, text.slice(0, end), { method })],
    };
  });
  const flipped = BODIES.map(([method, path, body]): HostileCase => {
    const bytes = Buffer.from(JSON.stringify(body));
    for (let flips = 0; flips < 3; flips += 1) bytes[random.whole(bytes.length)] = random.whole(256);
    return { name: `JSON: ${method} ${path} with flipped bytes`, parts: () => [request(path, bytes, { method })] };
  });
  return [...shapes, ...swapped, ...cut, ...flipped];
}
