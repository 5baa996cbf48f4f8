import { Injectable } from '@nestjs/common';
import { ApiError, Clock, suggest } from '../../platform/common/index.js';
import type { Config } from '../../platform/config/index.js';
import { type CatalogRejection, type CatalogSources, type LoadedCatalog, loadCatalog } from './catalog.loader.js';
import { bareName, type Model, ownerOf } from './model.js';

export interface ResolveOptions {
  /** Ids of the providers that can be called now, the preferred ones first. */
  readonly providers: ReadonlySet<string>;
  /** Whether the caller may use a model of this id; nothing is told of others. Default: all. */
  readonly mayUse?: (id: string) => boolean;
}

/** Offered by another than its maker. */
function isResold(model: Model): boolean {
  return ownerOf(model) !== model.provider;
}

const everyModel = (): boolean => true;

export interface ResolvedModel {
  readonly model: Model;
  /** The name that the caller used. */
  readonly requested: string;
  readonly via: 'id' | 'alias' | 'name';
  /** What the name means, when that was switched off and `model` stands in for it. */
  readonly retired?: Model;
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
    private readonly retiredModels: Config['retired_models'] = 'alias',
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
  static async load(
    sources: CatalogSources,
    clock: Clock = new Clock(),
    retiredModels?: Config['retired_models'],
  ): Promise<CatalogService> {
    return new CatalogService(await loadCatalog(sources), clock, retiredModels);
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
    return this.byId.get(id) ?? this.throwUnknown(id, {});
  }

  /**
   * The model that a caller means: by id, by an alias of a file, or by a name without a provider. Of several models with that
   * name, the one that its maker offers is meant, else the one of the first provider. A model named by its id is
   * found although its provider cannot be called, so that the caller learns that; likewise one that the caller may not use.
   * In place of one that was switched off stands its successor, unless the operator has such names refused.
   * @param name case counts
   * @throws ApiError `model_required`, `model_not_found` or `model_sunset`
   */
  resolve(name: string, options: ResolveOptions): ResolvedModel {
    const named = this.named(name, options);
    return { ...named, ...this.alive(named.model, options) };
  }

  /** The same, but one that was switched off stands for itself. @throws ApiError `model_required` or `model_not_found` */
  named(name: string, options: ResolveOptions): ResolvedModel {
    if (name === '') throw new ApiError('model_required', 'The request names no model.', { param: 'model' });
    const target = this.byId.has(name) ? name : this.loaded.aliases.get(name);
    if (target !== undefined) {
      const model = this.byId.get(target) ?? this.throwUnknown(target, options);
      return { model, requested: name, via: target === name ? 'id' : 'alias' };
    }
    const model = this.byBareName(name, options);
    return { model, requested: name, via: model.aliases.includes(name) ? 'alias' : 'name' };
  }

  private byBareName(name: string, options: ResolveOptions): Model {
    const { providers, mayUse = everyModel } = options;
    const all = this.byName.get(name) ?? [];
    const standIns = new Map(all.map((model) => [model, this.standIn(model)]));
    const usable = all.filter((model) => mayUse(model.id) || mayUse(standIns.get(model)?.id ?? model.id));
    const named = usable.length === 0 && all.length === 1 ? all : usable;
    const now = this.clock.now();
    const alive = named.filter((model) => !isSunset(model, now));
    const available = alive.filter(({ provider }) => providers.has(provider));
    const replaced = named.filter((model) => {
      const standIn = standIns.get(model);
      return standIn !== undefined && mayUse(standIn.id) && providers.has(standIn.provider);
    });
    // With none available, the only one is still an answer: the caller learns which provider is not configured.
    const candidates = [available, replaced, alive, named].find(({ length }) => length > 0) ?? [];
    const order = [...providers];
    const rank = ({ provider }: Model): number => (providers.has(provider) ? order.indexOf(provider) : order.length);
    const [meant] = candidates.toSorted(
      (left, right) => Number(isResold(left)) - Number(isResold(right)) || rank(left) - rank(right) || (left.id < right.id ? -1 : 1),
    );
    return meant ?? this.throwUnknown(name, options);
  }

  /**
   * What a name runs on that means this model. A caller who may use neither a switched-off model nor its successor gets the former, to be
   * refused by its name.
   * @throws ApiError `model_sunset`
   */
  private alive(model: Model, { mayUse = everyModel }: ResolveOptions): Pick<ResolvedModel, 'model' | 'retired'> {
    if (!isSunset(model, this.clock.now())) return { model };
    const successor = this.successorOf(model);
    const mayUseSuccessor = successor !== undefined && mayUse(successor.id);
    if (mayUseSuccessor && this.retiredModels === 'alias') return { model: successor, retired: model };
    if (!mayUseSuccessor && !mayUse(model.id)) return { model };
    const hint = mayUseSuccessor ? ` Use ${successor.id}.` : successor === undefined ? '' : ' This API key may not use what followed it.';
    throw new ApiError('model_sunset', `${switchedOff(model)}.${hint}`, {
      param: 'model',
      model: model.id,
      ...(mayUseSuccessor ? { accepted: [successor.id] } : {}),
    });
  }

  /** What stands in for a model that was switched off; undefined for one that was not, and where such names are refused. */
  standIn(model: Model): Model | undefined {
    return this.retiredModels === 'alias' ? this.successorOf(model) : undefined;
  }

  /** The first in the line of successors that is not switched off; undefined for a model that is not, and where the line ends before. */
  private successorOf(model: Model): Model | undefined {
    const now = this.clock.now();
    if (!isSunset(model, now)) return undefined;
    const seen = new Set<Model>();
    let next: Model | undefined = model;
    while (next !== undefined && !seen.has(next)) {
      if (!isSunset(next, now)) return next;
      seen.add(next);
      next = this.byId.get(next.lifecycle?.successor ?? '');
    }
    return undefined;
  }

  /** Names of switched-off models for which a model stands in, by its id: their ids and aliases. */
  retiredNames(): ReadonlyMap<string, readonly string[]> {
    const names = new Map<string, string[]>();
    for (const model of this.loaded.models) {
      const standIn = this.standIn(model);
      if (standIn !== undefined) names.set(standIn.id, [...(names.get(standIn.id) ?? []), model.id, ...model.aliases]);
    }
    return names;
  }

  /** What a name that leads to no model is answered with. @throws ApiError `model_not_found` */
  throwUnknown(name: string, { providers, mayUse = everyModel }: Partial<ResolveOptions>): never {
    const offered = this.loaded.models.filter(({ id, provider }) => (providers === undefined || providers.has(provider)) && mayUse(id));
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
    const ids = new Set(offered.map(({ id }) => id));
    for (const [alias, target] of this.loaded.aliases) if (ids.has(target)) idsByName.set(alias, [alias]);
    const near = suggest(name, idsByName.keys()).flatMap((known) => idsByName.get(known) ?? []);
    return [...new Set(near)].slice(0, 3);
  }
}

type Dated = Pick<Model, 'id' | 'lifecycle'>;

/** A day of the catalogue begins at 00:00 UTC. Milliseconds since the epoch. */
function startOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** Whether the vendor has switched the model off. */
export function isSunset({ lifecycle }: Dated, now: Date): boolean {
  return lifecycle?.sunset !== undefined && now.getTime() >= startOf(lifecycle.sunset);
}

/** In words, to follow or precede others. */
export function switchedOff({ id, lifecycle }: Dated): string {
  return `${id} was switched off on ${lifecycle?.sunset}`;
}

export function isDeprecated({ lifecycle }: Dated, now: Date): boolean {
  return lifecycle?.deprecated !== undefined && now.getTime() >= startOf(lifecycle.deprecated);
}

/** Where the gateway describes a model. */
export function modelPath(id: string): string {
  return `/v1/models/${id.split('/').map(encodeURIComponent).join('/')}`;
}

/** Unix seconds of the release, 0 when it is not known: OpenAI's `created`. */
export function releasedAt({ lifecycle }: Dated): number {
  return lifecycle?.released === undefined ? 0 : startOf(lifecycle.released) / 1000;
}

/**
 * Headers that tell a client about the end of a model: `Deprecation` (RFC 9745) from its day on, `Sunset` (RFC 8594) as soon as it is
 * known, and where to go. Empty for a model without an end.
 * @param standIn what stands in for the model now, where its own successor was switched off as well
 */
export function lifecycleHeaders(model: Dated, now: Date, standIn?: Pick<Model, 'id'>): Record<string, string> {
  const { deprecated, sunset, source } = model.lifecycle ?? {};
  const successor = standIn?.id ?? model.lifecycle?.successor;
  const headers: Record<string, string> = {};
  if (deprecated !== undefined && isDeprecated(model, now)) headers.Deprecation = `@${startOf(deprecated) / 1000}`;
  if (sunset !== undefined) headers.Sunset = new Date(startOf(sunset)).toUTCString();
  if (Object.keys(headers).length === 0) return headers;
  const links: string[] = [];
  if (successor !== undefined) {
    links.push(`<${modelPath(successor)}>; rel="successor-version"`);
    if (/^[\x21-\x7e]+$/.test(successor)) headers['X-Litegen-Successor'] = successor;
  }
  if (source !== undefined && /^https?:\/\/[\x21-\x7e]+$/.test(source) && !/[<>"]/.test(source)) {
    links.push(`<${source}>; rel="${headers.Deprecation === undefined ? 'sunset' : 'deprecation'}"; type="text/html"`);
  }
  if (links.length > 0) headers.Link = links.join(', ');
  return headers;
}
