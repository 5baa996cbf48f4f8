import type { AssetEntity } from '../../../domain/storage/index.js';
import { newId } from '../../../platform/common/index.js';
import type { CachedOutput } from '../../../policy/cache/index.js';
import type { GenerationEntity } from './generation.entity.js';

/** The files of one generation's result as those of another. */
export function outputsFor(
  { id, orgId, appId }: Pick<GenerationEntity, 'id' | 'orgId' | 'appId'>,
  outputs: readonly CachedOutput[],
  createdAt: number,
): AssetEntity[] {
  return outputs.map((output) => ({
    ...output,
    id: newId('asset'),
    orgId,
    appId,
    generationId: id,
    direction: 'output',
    role: null,
    sourceUrl: null,
    createdAt,
  }));
}
