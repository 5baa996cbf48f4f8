import { Injectable } from '@nestjs/common';
import { mayUseModel, type Principal } from '../../domain/access/index.js';
import { CatalogService, isSunset, lifecycleHeaders, type Model, toModelInfo, toModelSchema } from '../../domain/catalog/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import { Clock } from '../../platform/common/index.js';
import type { ListModelsQuery, ModelInfo, ModelSchema } from './dto/model.dto.js';

export interface DescribedModel {
  readonly schema: ModelSchema;
  /** `Deprecation`, `Sunset` and `Link`, for a model that has an end. */
  readonly headers: Record<string, string>;
}

/** What models there are, for one caller. */
@Injectable()
export class ModelsService {
  constructor(
    private readonly catalog: CatalogService,
    private readonly registry: ProviderRegistry,
    private readonly clock: Clock,
  ) {}

  /** Only what the caller could call right now, by id. */
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
