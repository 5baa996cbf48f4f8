import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { JsonObject } from '../../json.js';
import { type ModelFile, operationsOf } from './package.js';

/** The published schema of the capability YAML, in this package. */
const SCHEMA = new URL('../../../schema/model.schema.json', import.meta.url);

function schemaProblems(files: readonly ModelFile[]): string[] {
  if (!existsSync(SCHEMA)) return [];
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  addFormats.default(ajv);
  const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as JsonObject);
  return files.flatMap(({ path, content }) => {
    if (validate(content)) return [];
    return (validate.errors ?? []).map((error) => `${path}${error.instancePath} ${error.message}`);
  });
}

/** What is wrong with a plugin's capability files. */
export function modelProblems(providerId: string, files: readonly ModelFile[]): string[] {
  const problems = schemaProblems(files);
  const names = new Set<string>();
  const claim = (name: string): void => {
    if (names.has(name)) problems.push(`"${name}" is named twice`);
    names.add(name);
  };
  for (const { path, content } of files) {
    if (!Array.isArray(content?.models)) {
      problems.push(`${path} has no list "models"`);
      continue;
    }
    for (const model of content.models) {
      if (typeof model?.id !== 'string') {
        problems.push(`${path} has a model without an id`);
        continue;
      }
      claim(model.id);
      for (const alias of model.aliases ?? []) claim(alias);
      if (!model.id.startsWith(`${providerId}/`)) problems.push(`${model.id} does not begin with "${providerId}/"`);
      if (model.provider !== providerId) problems.push(`${model.id} names the provider "${model.provider}"`);
      const operations = operationsOf(model);
      if (operations.length === 0) problems.push(`${model.id} offers no operation`);
      for (const operation of operations) {
        if (!operation.startsWith(`${model.media_type}.`))
          problems.push(`${model.id} is a ${model.media_type} model, but offers ${operation}`);
      }
    }
  }
  return problems;
}
