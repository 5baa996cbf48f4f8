import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { modelYamlJsonSchema } from './json-schema.js';

const PUBLISHED = new URL('../../../../packages/plugin-sdk/schema/model.schema.json', import.meta.url);

describe('the published JSON Schema', () => {
  it('is what the validator says', () => {
    expect(JSON.parse(readFileSync(PUBLISHED, 'utf8'))).toEqual(modelYamlJsonSchema());
  });

  it('takes the documented example and refuses an unknown key', () => {
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(modelYamlJsonSchema());
    const document = readFileSync(new URL('../../../../docs/extend/model-yaml.md', import.meta.url), 'utf8');
    const example = /```yaml\n([\s\S]*?)```/.exec(document)?.[1] ?? '';
    const value = parse(example, { schema: 'core' }) as { models: Record<string, unknown>[] };
    expect(validate(value), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ models: [{ ...value.models[0], colour: 'red' }] })).toBe(false);
  });
});
