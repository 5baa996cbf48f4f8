import { describe, expect, it } from 'vitest';
import { coerceFormValue, FormFields, fieldPath } from './form-values.js';
import type { JsonSchema } from './json-schema.js';

function gather(...entries: [string, string][]): Record<string, unknown> {
  const fields = new FormFields();
  for (const [name, value] of entries) fields.add(name, value);
  return fields.toObject();
}

describe('fieldPath', () => {
  it.each([
    ['size', ['size']],
    ['extra[mock][latency]', ['extra', 'mock', 'latency']],
    ['image[]', ['image', '']],
    ['images[0][image_url]', ['images', '0', 'image_url']],
    ['a[b', ['a[b']],
    ['[x]', ['[x]']],
  ])('%s', (name, path) => {
    expect(fieldPath(name)).toEqual(path);
  });
});

describe('FormFields', () => {
  it('nests objects and lists', () => {
    expect(
      gather(
        ['extra[a][b]', '1'],
        ['extra[a][c]', '2'],
        ['list[]', 'x'],
        ['list[]', 'y'],
        ['images[1][image_url]', 'B'],
        ['images[0][image_url]', 'A'],
      ),
    ).toEqual({
      extra: { a: { b: '1', c: '2' } },
      list: ['x', 'y'],
      images: [{ image_url: 'A' }, { image_url: 'B' }],
    });
  });

  it('takes a repeated name for a list, and empty text for no field', () => {
    expect(gather(['image', 'a'], ['image', 'b'], ['image', 'c'], ['size', ''])).toEqual({ image: ['a', 'b', 'c'] });
  });

  it.each([
    ['a[b][c][d][e][f][g][h][i]', 'depth'],
    ['list[99999]', 'a huge index'],
  ])('refuses %s (%s)', (name) => {
    expect(() => gather([name, 'x'])).toThrow(expect.objectContaining({ code: 'malformed_multipart' }));
  });

  it('keeps names that every object has, except the one that would change it', () => {
    expect(Object.entries(gather(['extra[constructor]', 'x'])['extra'] as object)).toEqual([['constructor', 'x']]);
    for (const name of ['__proto__[polluted]', 'extra[__proto__]']) {
      expect(() => gather([name, 'x'])).toThrow(expect.objectContaining({ code: 'param_unsupported' }));
    }
  });

  it('refuses a name that is a text and an object at once', () => {
    expect(() => gather(['a', 'x'], ['a[b]', 'y'])).toThrow(expect.objectContaining({ code: 'malformed_multipart' }));
  });
});

describe('coerceFormValue', () => {
  const schemas = { Reference: { type: 'object', properties: { type: { type: 'string' }, weight: { type: 'number' } } } };
  const coerce = (value: unknown, schema?: JsonSchema) => coerceFormValue(value, schema, schemas, ['seed']);
  const references: JsonSchema = { type: 'array', items: { $ref: '#/components/schemas/Reference' } };

  it.each<[unknown, JsonSchema | undefined, unknown]>([
    ['2', { type: 'integer' }, 2],
    ['-0.5', { type: ['number', 'null'] }, -0.5],
    ['two', { type: 'integer' }, 'two'],
    ['0x10', { type: 'integer' }, '0x10'],
    ['true', { type: 'boolean' }, true],
    ['0', { type: 'boolean' }, false],
    ['True', { type: ['boolean', 'null'] }, true],
    ['False', { type: 'boolean' }, false],
    ['9007199254740991', { type: 'integer' }, 9_007_199_254_740_991],
    ['yes', { type: 'boolean' }, 'yes'],
    ['12', { type: 'string' }, '12'],
    ['{"a":1}', { type: 'object' }, { a: 1 }],
    ['{broken', { type: 'object' }, '{broken'],
    ['{"a":1}', { type: 'string' }, '{"a":1}'],
    ['[{"type":"url"}]', references, [{ type: 'url' }]],
    [[{ type: '5', weight: '5' }], references, [{ type: '5', weight: 5 }]],
    ['a', { type: 'array', items: { type: 'string' } }, ['a']],
    ['{"file_id":"x"}', { anyOf: [{ type: 'string' }, { type: 'object' }] }, { file_id: 'x' }],
    ['https://a.test', { anyOf: [{ type: 'string' }, { type: 'object' }] }, 'https://a.test'],
    [
      { steps: '5', loop: 'false', name: 'x5', serial: '12345678901234567890' },
      { type: 'object' },
      { steps: 5, loop: false, name: 'x5', serial: '12345678901234567890' },
    ],
  ])('%j by %j', (value, schema, expected) => {
    expect(coerce(value, schema)).toEqual(expected);
  });

  it.each([
    ['9007199254740993', { type: 'integer' }, '9007199254740993'],
    ['-18446744073709551615', { type: ['number', 'null'] }, '-18446744073709551615'],
    ['{"a":[1,9007199254740993]}', { type: 'object' }, '9007199254740993'],
  ])('refuses %s rather than another number', (value, schema, sent) => {
    const message = expect.stringContaining(`is ${sent}, which is not kept exactly`);
    expect(() => coerce(value, schema)).toThrow(expect.objectContaining({ code: 'param_out_of_range', message }));
  });
});
