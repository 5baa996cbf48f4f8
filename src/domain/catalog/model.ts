import type { ModelDefinition, Operation } from './schema/index.js';

/** A model that callers can name: its capability YAML under the YAML's own keys, with defaults filled in. */
export interface Model extends Readonly<ModelDefinition> {
  readonly operations: Operation[];
  /** Which layer the definition comes from; `operator` also when the operator only overrides keys of a plugin's model. */
  readonly layer: 'plugin' | 'operator';
  /** The file that was read last. */
  readonly file: string;
}

/** Who made the model: the provider itself, unless its file names another. */
export function ownerOf({ owned_by: owner, provider }: Pick<Model, 'owned_by' | 'provider'>): string {
  return owner ?? provider;
}

/** The part of the id behind the provider. */
export function bareName(model: Pick<Model, 'id'>): string {
  return model.id.slice(model.id.indexOf('/') + 1);
}
