import { isSwitchedOff, type ModelEntry, operationsOf, type PriceFile } from './package.js';

/**
 * What is missing in a plugin's published prices: a statement without a case or without its source, a model that does not exist, an
 * operation without any figure. Whether the figures are right is told by `litegen prices`.
 */
export function priceProblems(models: readonly ModelEntry[], files: readonly PriceFile[]): string[] {
  const problems: string[] = [];
  const covered = new Set<string>();
  const byId = new Map(models.map((model) => [model.id, model]));
  for (const { path, content } of files) {
    if (!Array.isArray(content?.prices)) problems.push(`${path} has no list "prices"`);
    for (const [index, { models: ids = [], published, unpublished, source, checked, cases = [] }] of (content?.prices ?? []).entries()) {
      const where = `${path} prices[${index}]`;
      if (ids.length === 0 || cases.length === 0) problems.push(`${where} has no models or no cases`);
      if ((published === undefined) === (unpublished === undefined)) problems.push(`${where} says not either published or unpublished`);
      if (published !== undefined && (source === undefined || checked === undefined)) problems.push(`${where} has no source or no checked`);
      for (const id of ids) {
        const model = byId.get(id);
        if (model === undefined) problems.push(`${where} is about ${id}, which is no model`);
        else for (const { operation = operationsOf(model)[0] } of cases) covered.add(`${id} ${operation}`);
      }
    }
  }
  const wanted = models
    .filter((model) => !isSwitchedOff(model))
    .flatMap((model) => operationsOf(model).map((name) => `${model.id} ${name}`));
  return [...problems, ...wanted.filter((one) => !covered.has(one)).map((one) => `no published figure for ${one}`)];
}
