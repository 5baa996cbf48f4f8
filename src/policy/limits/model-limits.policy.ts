import { matchesGlob } from '../../domain/access/index.js';
import type { Config } from '../../platform/config/index.js';

type Models = Config['limits']['models'];

/** The entry that names the model, or else the first whose pattern fits it. */
export function limitsOfModel(models: Models, model: string): Models[string] | undefined {
  return models[model] ?? Object.entries(models).find(([pattern]) => matchesGlob(pattern, model))?.[1];
}
