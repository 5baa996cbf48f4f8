import { Injectable } from '@nestjs/common';
import type { Tenant } from '../auth/index.js';
import { ApiError } from '../common/index.js';
import type { CommandReference } from '../generations/index.js';
import { AssetsRepository } from '../storage/index.js';
import type { NamedReference } from './references.policy.js';

/** Looks up the files that callers name by their ids. */
@Injectable()
export class References {
  constructor(private readonly assets: AssetsRepository) {}

  /** @throws ApiError `reference_invalid` for an id that is not a file of this tenant */
  resolve(tenant: Tenant, named: readonly NamedReference[]): Promise<CommandReference[]> | CommandReference[] {
    if (named.length === 0) return [];
    return Promise.all(
      named.map(async ({ source, ...reference }) => ({
        ...reference,
        source: source.kind === 'file' ? await this.file(tenant, source.id, reference.param) : source,
      })),
    );
  }

  private async file({ orgId, appId }: Tenant, id: string, param: string): Promise<CommandReference['source']> {
    const asset = await this.assets.find(id);
    if (asset === null || asset.orgId !== orgId || asset.appId !== appId) {
      throw new ApiError('reference_invalid', `There is no file ${id.slice(0, 100)}.`, { param });
    }
    const { sha256, bytes, contentType, width, height } = asset;
    return {
      kind: 'ingested',
      reference: { blob: { sha256, bytes, contentType, ...(width === null ? {} : { width }), ...(height === null ? {} : { height }) } },
    };
  }
}
