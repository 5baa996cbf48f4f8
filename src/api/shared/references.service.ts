import { Injectable } from '@nestjs/common';
import { type Principal, reachOf } from '../../domain/access/index.js';
import { AssetsRepository } from '../../domain/storage/index.js';
import { type CommandReference, GenerationsQueries } from '../../engine/generations/index.js';
import { ApiError } from '../../platform/common/index.js';
import type { NamedReference } from './references.policy.js';

/** Looks up the files that callers name by their ids. */
@Injectable()
export class References {
  constructor(
    private readonly assets: AssetsRepository,
    private readonly generations: GenerationsQueries,
  ) {}

  /** @throws ApiError `reference_invalid` for an id that is no file of a generation that the caller may see */
  resolve(caller: Principal, named: readonly NamedReference[]): Promise<CommandReference[]> | CommandReference[] {
    if (named.length === 0) return [];
    return Promise.all(
      named.map(async ({ source, ...reference }) => ({
        ...reference,
        source: source.kind === 'file' ? await this.file(caller, source.id, reference.param) : source,
      })),
    );
  }

  private async file(caller: Principal, id: string, param: string): Promise<CommandReference['source']> {
    const asset = await this.assets.find(id);
    if (asset === null || !(await this.generations.has(reachOf(caller), asset.generationId))) {
      throw new ApiError('reference_invalid', `There is no file ${id.slice(0, 100)}.`, { param });
    }
    const { sha256, bytes, contentType, width, height } = asset;
    return {
      kind: 'ingested',
      reference: { blob: { sha256, bytes, contentType, ...(width === null ? {} : { width }), ...(height === null ? {} : { height }) } },
    };
  }
}
