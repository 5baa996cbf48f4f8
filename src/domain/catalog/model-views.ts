import type { Operation } from '@litegen/plugin-sdk';
import { isDeprecated, isSunset, releasedAt } from './catalog.service.js';
import { type Model, ownerOf } from './model.js';
import type { Modality, ParamSpec, Pricing } from './schema/index.js';

export interface ModelInfoOptions {
  /** Whether this caller can use the model's provider now. */
  readonly available: boolean;
  readonly now: Date;
  /** Names of switched-off models for which it stands in. */
  readonly retiredNames?: readonly string[];
}

/** An entry of `GET /v1/models`: LiteGen's fields, OpenAI's (`object`, `created`, `owned_by`) and ours. */
export interface ModelInfo {
  readonly id: string;
  readonly object: 'model';
  /** Unix seconds; 0 when unknown. */
  readonly created: number;
  readonly owned_by: string;
  readonly name: string;
  readonly description: string;
  readonly provider: string;
  readonly media_type: Modality;
  readonly is_available: boolean;
  readonly aliases: readonly string[];
  readonly retired_names: readonly string[];
  readonly operations: readonly Operation[];
  readonly capabilities: {
    readonly supports_text_to_image: boolean;
    readonly supports_image_to_image: boolean;
    readonly supports_inpainting: boolean;
    readonly supported_sizes: readonly string[];
    readonly max_images: number;
    readonly supports_text_to_video: boolean;
    readonly supports_image_to_video: boolean;
    readonly supports_first_frame: boolean;
    readonly supports_last_frame: boolean;
    readonly max_duration_seconds: number | null;
    readonly supports_partial_images: boolean;
  };
  readonly lifecycle: {
    readonly status: 'active' | 'deprecated' | 'sunset';
    readonly released: string | null;
    readonly deprecated: string | null;
    readonly sunset: string | null;
    readonly successor: string | null;
  };
  readonly pricing?: ModelPricing;
  readonly limits: Model['limits'] | null;
  readonly tags: readonly string[];
}

/** LiteGen's two fields and ours. */
export interface ModelPricing {
  /** US dollars for one typical output. The exact price is the components', see `POST /v1/images/cost`. */
  readonly base_cost_usd: number | null;
  readonly variable_pricing: Pricing['variable_pricing'] | null;
  readonly components: Pricing['components'];
  readonly estimates: Pricing['estimates'];
  readonly ceiling_usd: string | null;
}

export function toModelInfo(model: Model, { available, now, retiredNames = [] }: ModelInfoOptions): ModelInfo {
  const { capabilities, ref_inputs: inputs, lifecycle } = model;
  const roles = Object.keys(inputs?.roles ?? {});
  const size = model.params.size;
  const duration = model.params.duration_seconds;
  const sunset = isSunset(model, now);
  return {
    id: model.id,
    object: 'model',
    created: releasedAt(model),
    owned_by: ownerOf(model),
    name: model.display_name,
    description: model.description,
    provider: model.provider,
    media_type: model.media_type,
    is_available: available && !sunset,
    aliases: model.aliases,
    retired_names: retiredNames,
    operations: model.operations,
    capabilities: {
      supports_text_to_image: capabilities.text_to_image,
      supports_image_to_image: capabilities.image_to_image,
      supports_inpainting: capabilities.inpainting,
      supported_sizes: size?.kind === 'size' && size.mode === 'enum' ? size.values.map(([width, height]) => `${width}x${height}`) : [],
      // LiteGen's name for the number of reference images.
      max_images: inputs?.max_total ?? 1,
      supports_text_to_video: capabilities.text_to_video,
      supports_image_to_video: capabilities.image_to_video,
      supports_first_frame: roles.includes('first_frame'),
      supports_last_frame: roles.includes('last_frame'),
      max_duration_seconds: (duration?.kind === 'float' || duration?.kind === 'int' ? duration.max : undefined) ?? null,
      supports_partial_images: model.streaming !== undefined,
    },
    lifecycle: {
      status: sunset ? 'sunset' : isDeprecated(model, now) ? 'deprecated' : 'active',
      released: lifecycle?.released ?? null,
      deprecated: lifecycle?.deprecated ?? null,
      sunset: lifecycle?.sunset ?? null,
      successor: lifecycle?.successor ?? null,
    },
    ...(model.pricing === undefined ? {} : { pricing: toPricing(model.pricing) }),
    limits: model.limits ?? null,
    tags: model.tags,
  };
}

/** `GET /v1/models/{id}`: the YAML as JSON, where an option that is not set is null, as LiteGen writes it. */
export function toModelSchema(model: Model): Readonly<Record<string, unknown>> {
  const { layer: _layer, file: _file, pricing, prompt, params, ref_inputs: inputs, ...rest } = model;
  return {
    ...rest,
    pricing: pricing === undefined ? { base_cost_usd: null, variable_pricing: null } : toPricing(pricing),
    prompt: { required: prompt.required, min_length: prompt.min_length ?? null, max_length: prompt.max_length ?? null },
    params: Object.fromEntries(Object.entries(params).map(([name, spec]) => [name, { ...UNSET[spec.kind], ...unsetSize(spec), ...spec }])),
    ref_inputs: inputs === undefined ? null : { ...inputs, default_role: inputs.default_role ?? null, max_total: inputs.max_total ?? null },
  };
}

/** The options of each kind, all unset. */
const UNSET: Readonly<Record<ParamSpec['kind'], Readonly<Record<string, null>>>> = {
  bool: { default: null },
  int: { min: null, max: null, default: null },
  float: { min: null, max: null, default: null },
  seed: { min: null, max: null },
  string: { max_length: null, enum_values: null, pattern: null, default: null },
  aspect_ratio: { default: null },
  size: {},
};

function unsetSize(spec: ParamSpec): Readonly<Record<string, null>> {
  return spec.kind === 'size' && spec.mode === 'freeform' ? { multiple_of: null } : {};
}

function toPricing(pricing: Pricing): ModelPricing {
  return {
    base_cost_usd: typicalUsd(pricing),
    variable_pricing: pricing.variable_pricing ?? null,
    components: pricing.components,
    estimates: pricing.estimates,
    ceiling_usd: pricing.ceiling_usd ?? null,
  };
}

/** LiteGen's clients expect one figure per model; without a flat price the first price per output stands in, else the ceiling. */
function typicalUsd({ base_cost_usd: base, components, ceiling_usd: ceiling }: Pricing): number | null {
  const perOutput = components.find(({ unit }) => unit === 'image' || unit === 'request')?.usd;
  const usd = base ?? perOutput ?? ceiling;
  return usd === undefined ? null : Number(usd);
}
