import type { HeldReference } from '../../domain/storage/index.js';
import type { GenerationCommand } from '../../engine/generations/index.js';

/** Files of a form wait outside the store until their request is admitted; those that nobody admitted are forgotten when `work` is over. */
export async function releasing<T>({ references }: Pick<GenerationCommand, 'references'>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await discardAll(references.flatMap(({ source }) => (source.kind === 'held' ? [source.reference] : [])));
  }
}

/** Files of a request that did not become a command. */
export async function discardAll(held: readonly HeldReference[]): Promise<void> {
  await Promise.all(held.map((file) => file.discard()));
}
