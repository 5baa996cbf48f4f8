import { Injectable } from '@nestjs/common';
import { mayUseModel, type Principal } from '../../domain/access/index.js';
import { CatalogService, isSunset, lifecycleHeaders, type Model, toModelInfo, toModelSchema } from '../../domain/catalog/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import { Clock } from '../../platform/common/index.js';
import type { ListModelsQuery, ModelInfo, ModelSchema } from './dto/model.dto.js';
import type { ProviderCatalogEntry, ProviderStatus } from './dto/provider.dto.js';

export interface DescribedModel {
  readonly schema: ModelSchema;
  /** `Deprecation`, `Sunset` and `Link`, for a model that has an end. */
  readonly headers: Record<string, string>;
}

/** What models and providers there are, for one caller. */
@Injectable()
export class ModelsService {
  constructor(
    private readonly catalog: CatalogService,
    private readonly registry: ProviderRegistry,
    private readonly clock: Clock,
  ) {}

  /** Only what the caller could call right now (R33), by id. */
  list(caller: Principal, filter: ListModelsQuery): ModelInfo[] {
    const now = this.clock.now();
    const retiredNames = this.catalog.retiredNames();
    return this.catalog
      .models()
      .filter((model) => this.isAvailable(caller, model, now) && matches(model, filter))
      .map((model) => toModelInfo(model, { available: true, now, retiredNames: retiredNames.get(model.id) }));
  }

  /**
   * Any model that the caller may use, also one whose provider is not configured, or that was switched off.
   * @param name an id or an alias
   * @throws ApiError `model_not_found`
   */
  describe(caller: Principal, name: string): DescribedModel {
    const now = this.clock.now();
    const providers = this.registry.callable();
    const options = { providers, mayUse: (id: string) => mayUseModel(caller, id) };
    const { model } = this.catalog.named(name, options);
    const standIn = this.catalog.standIn(model);
    if (!options.mayUse(model.id) && (standIn === undefined || !options.mayUse(standIn.id))) this.catalog.throwUnknown(name, options);
    const { object, created, owned_by, is_available } = toModelInfo(model, { available: this.isAvailable(caller, model, now), now });
    return {
      schema: { ...(toModelSchema(model) as unknown as ModelSchema), object, created, owned_by, is_available },
      headers: lifecycleHeaders(model, now, standIn),
    };
  }

  /**
   * By name. Plugins that could not be used stand among the providers, with the reason. A caller whose models are limited sees the providers
   * of those alone.
   */
  providers(caller: Principal): ProviderCatalogEntry[] {
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

  private isAvailable(caller: Principal, model: Model, now: Date): boolean {
    return this.registry.isUsable(model.provider) && mayUseModel(caller, model.id) && !isSunset(model, now);
  }
}

function matches(model: Model, { media_type: mediaType, provider, operation }: ListModelsQuery): boolean {
  return (
    (mediaType === undefined || model.media_type === mediaType) &&
    (provider === undefined || model.provider === provider) &&
    (operation === undefined || model.operations.includes(operation))
  );
}

type Entry = ReturnType<ProviderRegistry['catalogEntries']>['providers'][number];

function standing({ name, enabled, configured, toSet, takenOut }: Entry): { status: ProviderStatus; reason: string | null } {
  if (takenOut !== undefined) return { status: 'taken_out', reason: takenOut };
  if (configured) return { status: 'ready', reason: null };
  if (!enabled) return { status: 'disabled', reason: `providers.${name}.enabled is false` };
  return { status: 'not_configured', reason: `not set: ${toSet.join(', ')}` };
}
