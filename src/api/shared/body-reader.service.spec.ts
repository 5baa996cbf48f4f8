import { describe, expect, it } from 'vitest';
import { ApiError } from '../../platform/common/index.js';
import { SchemaValidator } from './body-reader.service.js';

const DOCUMENT = {
  components: {
    schemas: {
      Reference: {
        type: 'object',
        properties: { type: { type: 'string', enum: ['url', 'blob'] }, value: { type: 'string' } },
        required: ['type', 'value'],
        additionalProperties: false,
      },
      Mask: { anyOf: [{ type: 'string' }, { $ref: '#/components/schemas/Reference' }] },
      Request: {
        type: 'object',
        properties: {
          model: { type: 'string', maxLength: 20 },
          prompt: { type: ['string', 'null'] },
          n: { type: ['integer', 'null'], minimum: 1, maximum: 10 },
          format: { type: ['string', 'null'], enum: ['url', 'b64_json', null] },
          references: { type: 'array', maxItems: 2, items: { $ref: '#/components/schemas/Reference' } },
          mask: { $ref: '#/components/schemas/Mask' },
        },
        required: ['model'],
      },
    },
  },
};

function failure(body: unknown, form = false): ApiError {
  const validator = new SchemaValidator();
  validator.useDocument(() => DOCUMENT);
  try {
    validator.check('Request', body, { form });
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('The body was taken');
}

describe('SchemaValidator', () => {
  it('separates known fields from unknown ones, and takes null for nothing', () => {
    const validator = new SchemaValidator();
    let asked = 0;
    validator.useDocument(() => {
      asked += 1;
      return DOCUMENT;
    });
    const body = JSON.parse('{"model":"a","n":null,"promt":"x","__proto__":1,"nothing":null}') as unknown;
    const { fields, unknown } = validator.check('Request', body);
    expect(fields).toEqual({ model: 'a' });
    expect(Object.entries(unknown)).toEqual([
      ['promt', 'x'],
      ['__proto__', 1],
    ]);
    validator.check('Request', { model: 'b' });
    expect(asked).toBe(1);
  });

  it.each([[undefined], [null], [[]], ['text'], [5]])('refuses the body %j', (body) => {
    expect(failure(body).code).toBe('malformed_request');
  });

  it.each([
    [{}, 'model_required', 'model', 'model is missing.'],
    [{ model: 5 }, 'param_invalid_type', 'model', 'model must be text; it is 5.'],
    [{ model: 'x'.repeat(21) }, 'param_too_long', 'model', 'at most 20 characters'],
    [{ model: 'a', n: 'two' }, 'param_invalid_type', 'n', 'n must be a whole number from 1 to 10; it is "two".'],
    [{ model: 'a', n: 1.5 }, 'param_invalid_type', 'n', 'it is 1.5'],
    [{ model: 'a', n: 11 }, 'param_out_of_range', 'n', 'n must be a whole number from 1 to 10; it is 11.'],
    [{ model: 'a', format: 'png' }, 'param_enum_mismatch', 'format', 'format must be one of url, b64_json; it is "png".'],
    [{ model: 'a', references: {} }, 'param_invalid_type', 'references', 'references must be a list; it is an object.'],
    [{ model: 'a', references: [1] }, 'param_invalid_type', 'references[0]', 'must be an object'],
    [{ model: 'a', references: [{ type: 'url' }] }, 'param_invalid_type', 'references[0].value', 'is missing'],
    [{ model: 'a', references: [{ type: 'file', value: '' }] }, 'param_enum_mismatch', 'references[0].type', 'one of url, blob'],
    [{ model: 'a', references: [{ type: 'url', value: '', rol: '' }] }, 'param_unsupported', 'references[0].rol', 'type, value'],
    [{ model: 'a', references: [1, 2, 3] }, 'param_out_of_range', 'references', 'at most 2'],
    [{ model: 'a', mask: 5 }, 'param_invalid_type', 'mask', 'mask must be text or an object; it is 5.'],
    [{ model: 'a', mask: { type: 'url' } }, 'param_invalid_type', 'mask.value', 'is missing'],
  ])('names what is wrong with %j', (body, code, param, message) => {
    const error = failure(body);
    expect({ code: error.code, param: error.details.param }).toEqual({ code, param });
    expect(error.message).toContain(message);
  });

  it('lists what an enumeration takes', () => {
    expect(failure({ model: 'a', format: 'png' }).details.accepted).toEqual(['url', 'b64_json']);
  });

  it('coerces a form only', () => {
    const validator = new SchemaValidator();
    validator.useDocument(() => DOCUMENT);
    expect(validator.check('Request', { model: '7', n: '2' }, { form: true }).fields).toEqual({ model: '7', n: 2 });
    expect(failure({ model: 'a', n: '2' }).code).toBe('param_invalid_type');
    expect(failure({ model: 'a', n: 'x' }, true).message).toBe('n must be a whole number from 1 to 10; it is "x".');
  });

  it('does not hide a schema that is missing', () => {
    const validator = new SchemaValidator();
    validator.useDocument(() => DOCUMENT);
    expect(() => validator.check('Nothing', {})).toThrow('has no object schema Nothing');
  });
});
