import { Injectable } from '@nestjs/common';
import { ApiError, Clock } from '../common/index.js';
import { type CatalogRejection, type CatalogSources, type LoadedCatalog, loadCatalog } from './catalog.loader.js';
import { isSunset } from './lifecycle.policy.js';
import { bareName, type Model } from './model.js';
import { suggest } from './suggest.js';

export interface ResolveOptions {
  /** Ids of the providers that can be called now. */
  readonly providers: ReadonlySet<string>;
}

export interface ResolvedModel {
  readonly model: Model;
  /** The name that the caller used. */
  readonly requested: string;
  readonly via: 'id' | 'alias' | 'name';
}

/** Every model there is, and the names by which callers reach them. */
@Injectable()
export class CatalogService {
  private readonly byId: ReadonlyMap<string, Model>;
  /** The models' own aliases and the parts behind the slash. */
  private readonly byName = new Map<string, Model[]>();

  constructor(
    private readonly loaded: LoadedCatalog,
    private readonly clock: Clock,
  ) {
    this.byId = new Map(loaded.models.map((model) => [model.id, model]));
    for (const model of loaded.models) {
      for (const name of new Set([bareName(model), ...model.aliases])) {
        const named = this.byName.get(name);
        if (named === undefined) this.byName.set(name, [model]);
        else named.push(model);
      }
    }
  }

  /** @throws ConfigError with every problem of the operator's files */
  static async load(sources: CatalogSources, clock: Clock = new Clock()): Promise<CatalogService> {
    return new CatalogService(await loadCatalog(sources), clock);
  }

  /** Sorted by id; switched-off models are among them. */
  models(): readonly Model[] {
    return this.loaded.models;
  }

  /** Plugins whose models were left out. */
  rejections(): readonly CatalogRejection[] {
    return this.loaded.rejections;
  }

  /** Doubtful facts of the files, for the log at start. */
  warnings(): readonly string[] {
    return this.loaded.warnings;
  }

  find(id: string): Model | undefined {
    return this.byId.get(id);
  }

  /** @throws ApiError `model_not_found` */
  get(id: string): Model {
    return this.byId.get(id) ?? this.throwUnknown(id, undefined);
  }

  /**
   * The model that a caller means: by id, by an alias of a file, or by a name that leads to one available model only. A model named by its id is
   * found although its provider cannot be called, so that the caller learns that.
   * @param name case counts
   * @throws ApiError `model_required`, `model_not_found`, `model_ambiguous` or `model_sunset`
   */
  resolve(name: string, { providers }: ResolveOptions): ResolvedModel {
    if (name === '') throw new ApiError('model_required', 'The request names no model.', { param: 'model' });
    const target = this.byId.has(name) ? name : this.loaded.aliases.get(name);
    if (target !== undefined) {
      const model = this.byId.get(target) ?? this.throwUnknown(target, providers);
      return { model: this.alive(model), requested: name, via: target === name ? 'id' : 'alias' };
    }
    const model = this.alive(this.byBareName(name, providers));
    return { model, requested: name, via: model.aliases.includes(name) ? 'alias' : 'name' };
  }

  private byBareName(name: string, providers: ReadonlySet<string>): Model {
    const named = this.byName.get(name) ?? [];
    const now = this.clock.now();
    const alive = named.filter((model) => !isSunset(model, now));
    const available = alive.filter(({ provider }) => providers.has(provider));
    // With none available, the only one is still an answer: the caller learns which provider is not configured.
    const candidates = [available, alive, named].find(({ length }) => length > 0) ?? [];
    const [only, ...others] = candidates;
    if (only === undefined) return this.throwUnknown(name, providers);
    if (others.length === 0) return only;
    const ids = candidates.map(({ id }) => id);
    throw new ApiError('model_ambiguous', `${name} is the name of several models: ${ids.join(', ')}. Name one by its id.`, {
      param: 'model',
      accepted: ids,
    });
  }

  /** @throws ApiError `model_sunset` */
  private alive(model: Model): Model {
    if (!isSunset(model, this.clock.now())) return model;
    const { sunset, successor } = model.lifecycle ?? {};
    const hint = successor === undefined ? '' : ` Use ${successor}.`;
    throw new ApiError('model_sunset', `${model.id} was switched off on ${sunset}.${hint}`, {
      param: 'model',
      model: model.id,
      ...(successor === undefined ? {} : { accepted: [successor] }),
    });
  }

  private throwUnknown(name: string, providers: ReadonlySet<string> | undefined): never {
    const offered = this.loaded.models.filter(({ provider }) => providers === undefined || providers.has(provider));
    const ids = offered.map(({ id }) => id);
    // A name without a provider is compared with names of its own kind, and answered with the id.
    const near = name.includes('/') ? suggest(name, ids) : this.suggestByName(name, offered);
    const hint = near.length === 0 ? 'GET /v1/models lists them.' : `Did you mean ${near.join(', ')}?`;
    throw new ApiError('model_not_found', `There is no model ${name.slice(0, 100)}. ${hint}`, {
      param: 'model',
      ...(near.length === 0 ? {} : { accepted: near }),
    });
  }

  private suggestByName(name: string, offered: readonly Model[]): string[] {
    const idsByName = new Map<string, string[]>();
    for (const model of offered) {
      for (const own of new Set([bareName(model), ...model.aliases])) idsByName.set(own, [...(idsByName.get(own) ?? []), model.id]);
    }
    for (const alias of this.loaded.aliases.keys()) idsByName.set(alias, [alias]);
    const ids = suggest(name, idsByName.keys()).flatMap((near) => idsByName.get(near) ?? []);
    return [...new Set(ids)].slice(0, 3);
  }
}
