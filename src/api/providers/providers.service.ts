import { Injectable } from '@nestjs/common';
import { mayUseModel, type Principal } from '../../domain/access/index.js';
import { CatalogService } from '../../domain/catalog/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import type { ProviderCatalogEntry, ProviderStatus } from './dto/provider.dto.js';

/** What providers there are, for one caller. */
@Injectable()
export class ProvidersService {
  constructor(
    private readonly catalog: CatalogService,
    private readonly registry: ProviderRegistry,
  ) {}

  /**
   * By name. Plugins that could not be used stand among the providers, with the reason. A caller whose models are limited sees the providers
   * of those alone.
   */
  list(caller: Principal): ProviderCatalogEntry[] {
    const { providers: all, rejected: refusals } = this.registry.catalogEntries();
    const models = new Map<string, number>();
    for (const { id, provider } of this.catalog.models()) {
      if (mayUseModel(caller, id)) models.set(provider, (models.get(provider) ?? 0) + 1);
    }
    const isLimited = caller.allowedModels !== undefined;
    const providers = isLimited ? all.filter(({ name }) => models.has(name)) : all;
    const rejected = isLimited ? [] : refusals;
    const entries = providers.map(({ toSet, takenOut, ...entry }): ProviderCatalogEntry => {
      return { ...entry, ...standing({ ...entry, toSet, takenOut }), models: models.get(entry.name) ?? 0 };
    });
    const refused = rejected.map(
      ({ name, package: packageName, source, reason }): ProviderCatalogEntry => ({
        name,
        modalities: [],
        auth_scheme: 'api_key',
        pool_field: 'api_keys',
        fields: [],
        display_name: name,
        status: 'rejected',
        reason,
        enabled: false,
        configured: false,
        missing: [],
        egress: [],
        transfers: [],
        models: 0,
        plugin: { id: name, package: packageName ?? null, version: null, source },
      }),
    );
    return [...entries, ...refused].sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
  }
}

type Entry = ReturnType<ProviderRegistry['catalogEntries']>['providers'][number];

function standing({ name, enabled, configured, toSet, takenOut }: Entry): { status: ProviderStatus; reason: string | null } {
  if (takenOut !== undefined) return { status: 'taken_out', reason: takenOut };
  if (configured) return { status: 'ready', reason: null };
  if (!enabled) return { status: 'disabled', reason: `providers.${name}.enabled is false` };
  return { status: 'not_configured', reason: `not set: ${toSet.join(', ')}` };
}
