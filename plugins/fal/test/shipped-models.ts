import { readdirSync, readFileSync } from 'node:fs';
import type { JsonObject, RequestedModel } from '@litegen/plugin-sdk';
import { parse } from 'yaml';

/** The parts of a shipped model that the specs look at. */
export interface ShippedModel {
  readonly id: string;
  readonly media_type: 'image' | 'video';
  readonly upstream: JsonObject;
  readonly params: Readonly<Record<string, ShippedParam>>;
  readonly extra_allowlist: readonly string[];
  readonly ref_inputs?: {
    readonly max_total: number;
    readonly roles: Readonly<Record<string, { readonly min_count: number; readonly max_count: number }>>;
  };
  readonly pricing: {
    readonly base_cost_usd?: number;
    readonly ceiling_usd?: string;
    readonly components?: readonly { readonly unit: string }[];
  };
  readonly polling?: JsonObject;
  readonly webhooks?: boolean;
}

export interface ShippedParam {
  readonly kind: string;
  readonly min?: number;
  readonly max?: number;
  readonly default?: unknown;
  readonly enum_values?: readonly (string | number)[];
  readonly allowed?: readonly string[];
  readonly values?: readonly (readonly [number, number])[];
}

const folder = new URL('../models/', import.meta.url);

export const SHIPPED_MODELS: readonly ShippedModel[] = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml') && name !== 'retired.yaml')
  .flatMap((name) => (parse(readFileSync(new URL(name, folder), 'utf8')) as { models: ShippedModel[] }).models);

/** A shipped model as a request names it. */
export function requestedModel(id: string): RequestedModel {
  const model = SHIPPED_MODELS.find((candidate) => candidate.id === id);
  if (model === undefined) throw new Error(`no shipped model ${id}`);
  return { id, name: id.slice(id.indexOf('/') + 1), upstream: model.upstream };
}
