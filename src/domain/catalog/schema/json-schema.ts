import { z } from 'zod';
import { modelFileSchema } from './model.schema.js';

/** The JSON Schema of a capability file, for editors and other validators. Rules that span keys are not in it. */
export function modelYamlJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(modelFileSchema, { io: 'input', target: 'draft-2020-12', reused: 'inline' });
  return {
    $schema,
    title: 'LiteGen capability file',
    description: 'Models that a LiteGen plugin or its operator offers. Reference: docs/extend/model-yaml.md.',
    ...schema,
  };
}
