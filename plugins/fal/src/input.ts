import {
  type CallContext,
  type ImageRequest,
  type InputMedia,
  type JsonBody,
  ProviderError,
  record,
  type Size,
  type VideoRequest,
} from '@litegen/plugin-sdk';
import { DEFAULT_FIELDS, type EndpointUse, type FalModel, type FieldMapping, fieldFor } from './upstream.js';

export type FalRequest = ImageRequest | VideoRequest;

/** The body of a submission; fal takes the model's input without a wrapper. */
export type FalInput = Readonly<Record<string, JsonBody>>;

/** Larger files go as a link where the gateway has a public address; a data URL needs none but makes the request a third longer. */
export const INLINE_LIMIT_BYTES = 4 * 1024 * 1024;

/** Changes how the result travels, not what it is: files would come back inline, and fal would keep no result to ask for. */
const TRANSPORT_FIELD = 'sync_mode';

/** The endpoint of a model that takes the request's references. @throws ProviderError `unsupported` when none does. */
export function chooseEndpoint(request: FalRequest, model: FalModel): EndpointUse {
  const counts = new Map<string, number>();
  for (const input of request.inputs) counts.set(input.role, (counts.get(input.role) ?? 0) + 1);
  const use = model.uses.find(
    ({ references, optional }) =>
      [...counts].every(([role, count]) => {
        const field = Object.hasOwn(references, role) ? references[role] : undefined;
        return field !== undefined && (count === 1 || takesList(field));
      }) && Object.keys(references).every((role) => counts.has(role) || optional.includes(role)),
  );
  if (use !== undefined) return use;
  const given = [...counts].map(([role, count]) => `${count} × ${role}`).join(', ') || 'none';
  throw new ProviderError('unsupported', `${request.model.id} has no endpoint for these references: ${given}`, {
    param: 'reference_images',
  });
}

/** @throws ProviderError `invalid_request` for a value that fal's field cannot carry. */
export function buildInput(request: FalRequest, model: FalModel, use: EndpointUse, call: CallContext): FalInput {
  const body: Record<string, JsonBody> = {};
  const reserved = reservedFields(model, use);
  for (const [name, value] of Object.entries(request.extra)) {
    if (reserved.has(name)) {
      call.warn({ param: `extra.${name}`, action: 'dropped', message: `fal's "${name}" is set by the gateway itself` });
      continue;
    }
    if (use.omits.includes(name)) {
      call.warn({ param: `extra.${name}`, action: 'dropped', message: noSuchOption(use) });
      continue;
    }
    const mapping = Object.hasOwn(model.fields, name) ? model.fields[name] : undefined;
    if (mapping === undefined) body[name] = value;
    else body[mapping.field] = encode(`extra.${name}`, value, mapping);
  }
  const wanted: Record<string, unknown> = { ...request.params, ...(request.n > 1 ? { n: request.n } : {}) };
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) continue;
    const mapping = fieldFor(model, name);
    if (mapping === undefined || use.omits.includes(name)) {
      call.warn({ param: name, action: 'dropped', message: noSuchOption(use) });
      continue;
    }
    body[mapping.field] = encode(name, value, mapping);
  }
  if (request.prompt !== '') body.prompt = request.prompt;
  for (const [role, field] of Object.entries(use.references)) {
    const files = request.inputs.filter((input) => input.role === role).map(fileValue);
    if (files[0] !== undefined) body[field] = takesList(field) ? files : files[0];
  }
  return body;
}

function noSuchOption(use: EndpointUse): string {
  return `fal's ${use.endpoint} has no such option`;
}

/** The gateway's name of one of fal's fields, for `error.param`. */
export function paramOf(field: string): string {
  return FIELD_PARAMS[field] ?? (/_urls?$/.test(field) ? 'reference_images' : `extra.${field}`);
}

const FIELD_PARAMS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(DEFAULT_FIELDS).map(([name, { field }]) => [field, name])),
  prompt: 'prompt',
  cfg_scale: 'guidance_scale',
  format: 'output_format',
  generate_audio_switch: 'audio',
  image_prompt_strength: 'strength',
  rendering_speed: 'quality',
};

/**
 * Parameters must be asked for by their gateway names, under which they are validated and priced; fal's own names for them are closed. Where
 * both are the same name, the gateway lets it through only if the model lists it as an option and has no such parameter.
 */
function reservedFields(model: FalModel, use: EndpointUse): Set<string> {
  const aliases = Object.keys({ ...DEFAULT_FIELDS, ...model.fields }).flatMap((name) =>
    [DEFAULT_FIELDS[name]?.field, fieldFor(model, name)?.field].filter((field) => field !== undefined && field !== name),
  );
  return new Set(['prompt', TRANSPORT_FIELD, ...Object.values(use.references), ...aliases.filter((field) => field !== undefined)]);
}

function takesList(field: string): boolean {
  return field.endsWith('_urls');
}

function fileValue(input: InputMedia): JsonBody {
  const link = input.bytes > INLINE_LIMIT_BYTES ? input.publicUrl() : undefined;
  return link ?? input.dataUrl();
}

function encode(param: string, value: unknown, mapping: FieldMapping): JsonBody {
  const refuse = (why: string): never => {
    throw new ProviderError('invalid_request', `${param}: ${why}`, { param });
  };
  const size = asSize(value);
  const text = size === undefined ? String(value) : `${size.width}x${size.height}`;
  if (mapping.values !== undefined) {
    if (!Object.hasOwn(mapping.values, text)) return refuse(`must be one of ${Object.keys(mapping.values).join(', ')}`);
    return mapping.values[text] as JsonBody;
  }
  switch (mapping.type) {
    case 'string':
    case 'width_x_height':
      return text;
    case 'string_s':
      return `${text}s`;
    case 'integer':
    case 'number': {
      const number = Number(value);
      if (!Number.isFinite(number)) return refuse('must be a number');
      return mapping.type === 'number' || Number.isInteger(number) ? number : refuse('must be a whole number');
    }
    case 'dimensions':
      // A string is one of fal's own words, such as `auto`.
      return size === undefined ? (value as JsonBody) : { width: size.width, height: size.height };
    default:
      return value as JsonBody;
  }
}

function asSize(value: unknown): Size | undefined {
  const { width, height } = record(value) ?? {};
  return typeof width === 'number' && typeof height === 'number' ? { width, height } : undefined;
}
