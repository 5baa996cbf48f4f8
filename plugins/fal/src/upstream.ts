import { type JsonObject, list, ProviderError, type RequestedModel, record } from '@litegen/plugin-sdk';
import { RETIRED_ENDPOINTS } from './retired-endpoints.js';

/** How a value is written into fal's input. `string_s` is `"8s"`; `dimensions` is `{width, height}`; `width_x_height` is `"1024x1536"`. */
export const FIELD_TYPES = ['as_is', 'string', 'string_s', 'integer', 'number', 'dimensions', 'width_x_height'] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

export interface FieldMapping {
  /** fal's name. */
  readonly field: string;
  readonly type: FieldType;
  /** The gateway's value, as text → fal's. Other values are refused. */
  readonly values?: Readonly<Record<string, unknown>>;
}

/** One endpoint, and what of a request it can take. */
export interface EndpointUse {
  readonly endpoint: string;
  /** Role → fal's field. A field whose name ends with `_urls` takes a list, any other a single file. */
  readonly references: Readonly<Record<string, string>>;
  /** Roles of `references` that a request may leave out. */
  readonly optional: readonly string[];
  /** Parameters of the model for which this endpoint has no field. They are dropped with a warning. */
  readonly omits: readonly string[];
}

/** Header figures that fal bills by, under the names of the gateway's usage. */
export const BILLABLE_UNITS = ['images', 'megapixels', 'seconds', 'credits'] as const;
export type BillableUnit = (typeof BILLABLE_UNITS)[number];

/** The YAML's `upstream` of a fal model. */
export interface FalModel {
  /** Tried in order. The one for requests without references, if there is one, comes first. */
  readonly uses: readonly EndpointUse[];
  /** Parameter or extra → field. Names that are missing here use {@link DEFAULT_FIELDS}. */
  readonly fields: Readonly<Record<string, FieldMapping>>;
  /** What `x-fal-billable-units` counts for this model. */
  readonly billableUnit?: BillableUnit;
}

/** YAML's numbers are no names. */
const named = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const plain = (field: string): FieldMapping => ({ field, type: 'as_is' });

/** fal's customary names. `prompt` is always `prompt`. */
export const DEFAULT_FIELDS: Readonly<Record<string, FieldMapping>> = {
  negative_prompt: plain('negative_prompt'),
  seed: plain('seed'),
  steps: plain('num_inference_steps'),
  guidance_scale: plain('guidance_scale'),
  strength: plain('strength'),
  quality: plain('quality'),
  style: plain('style'),
  size: { field: 'image_size', type: 'dimensions' },
  aspect_ratio: plain('aspect_ratio'),
  resolution: plain('resolution'),
  background: plain('background'),
  output_format: plain('output_format'),
  input_fidelity: plain('input_fidelity'),
  duration_seconds: { field: 'duration', type: 'string' },
  fps: { field: 'fps', type: 'integer' },
  audio: plain('generate_audio'),
  n: plain('num_images'),
};

/** @throws ProviderError `internal` when the YAML cannot be used, which is the operator's to mend. */
export function readModel(model: RequestedModel): FalModel {
  const { upstream } = model;
  const fail = (what: string): never => {
    throw new ProviderError('internal', `model ${model.id}: upstream.${what}`);
  };
  const uses: EndpointUse[] = [];
  if (upstream.endpoint !== undefined) uses.push(readUse({ endpoint: upstream.endpoint, omits: upstream.omits ?? [] }, fail));
  for (const entry of list(upstream.with_references)) uses.push(readUse(record(entry) ?? {}, fail));
  if (uses.length === 0) fail('endpoint is missing');
  const unit = upstream.billable_unit;
  const billableUnit = BILLABLE_UNITS.find((known) => known === unit);
  if (unit !== undefined && billableUnit === undefined) fail(`billable_unit must be one of ${BILLABLE_UNITS.join(', ')}`);
  return { uses, fields: readFields(upstream, fail), billableUnit };
}

export function fieldFor(model: FalModel, name: string): FieldMapping | undefined {
  return Object.hasOwn(model.fields, name) ? model.fields[name] : Object.hasOwn(DEFAULT_FIELDS, name) ? DEFAULT_FIELDS[name] : undefined;
}

function readUse(entry: Readonly<Record<string, unknown>>, fail: (what: string) => never): EndpointUse {
  const endpoint = named(entry.endpoint);
  // An endpoint id becomes a URL path, so that nothing but its own alphabet may pass.
  if (endpoint === undefined || !/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)+$/.test(endpoint) || endpoint.split('/').includes('..')) {
    return fail('endpoint must look like "owner/app/path"');
  }
  const references: Record<string, string> = {};
  for (const [role, field] of Object.entries(record(entry.references) ?? {}))
    references[role] = named(field) ?? fail(`references.${role} must name a field`);
  const texts = (value: unknown): string[] => list(value).filter((item) => typeof item === 'string');
  return { endpoint: RETIRED_ENDPOINTS[endpoint] ?? endpoint, references, optional: texts(entry.optional), omits: texts(entry.omits) };
}

function readFields(upstream: JsonObject, fail: (what: string) => never): Record<string, FieldMapping> {
  const fields: Record<string, FieldMapping> = {};
  for (const [name, value] of Object.entries(record(upstream.fields) ?? {})) {
    const entry = typeof value === 'string' ? { field: value } : record(value);
    const customary = Object.hasOwn(DEFAULT_FIELDS, name) ? DEFAULT_FIELDS[name] : undefined;
    const wanted = entry?.type ?? customary?.type ?? 'as_is';
    const type = FIELD_TYPES.find((known) => known === wanted);
    if (entry === undefined || type === undefined) return fail(`fields.${name} must be a field's name or {field, type, values}`);
    const values = record(entry.values);
    fields[name] = { field: named(entry.field) ?? customary?.field ?? name, type, ...(values === undefined ? {} : { values }) };
  }
  return fields;
}
