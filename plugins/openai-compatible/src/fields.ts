import { type CallContext, type ImageRequest, type Json, ProviderError, type VideoRequest } from '@litegen/plugin-sdk';
import { DIALECTS, type DialectRules } from './dialect.js';
import type { CompatibleOptions } from './options.js';

/** Parameters of OpenAI's own image API, which every dialect sends under their own names. */
const OPENAI_PARAMS = new Set(['quality', 'style', 'background', 'output_format', 'output_compression', 'moderation', 'input_fidelity']);

/** Keys that the gateway decides; a vendor option of the caller never replaces them. */
const RESERVED = new Set([
  'model',
  'prompt',
  'n',
  'size',
  'seconds',
  'stream',
  'partial_images',
  'response_format',
  'image',
  'image[]',
  'mask',
  'mask_image',
  'input_reference',
  // Other names of parameters, under which nobody would validate and price them.
  'num_inference_steps',
  'generate_sound',
  'num_images',
  'num_outputs',
  'num_images_per_prompt',
  'duration',
]);

/** Parameters that are translated by {@link requestFields} itself. */
const TRANSLATED = new Set(['size', 'resolution', 'duration_seconds']);

/**
 * The fields of a request's body, without its files.
 * @throws ProviderError `unsupported` for a parameter that the server's dialect cannot carry.
 */
export function requestFields(request: ImageRequest | VideoRequest, call: CallContext, options: CompatibleOptions): Record<string, Json> {
  const rules = DIALECTS[options.dialect];
  const fields: Record<string, Json> = { prompt: request.prompt };
  const model = request.model.upstream.model ?? options.model;
  if (typeof model === 'string') fields.model = model;
  if (request.user !== undefined) fields.user = request.user;
  addSize(fields, request, rules);
  addSeconds(fields, request, rules, call);
  for (const [name, value] of Object.entries(request.params)) {
    if (value === undefined || TRANSLATED.has(name)) continue;
    if (rules.unsupported.includes(name) || !(rules.extensions || OPENAI_PARAMS.has(name))) throw unsupported(name);
    fields[rules.renamed[name] ?? name] = value as Json;
  }
  for (const [name, value] of Object.entries(request.extra)) {
    if (RESERVED.has(name) || Object.hasOwn(fields, name)) {
      call.warn({ param: `extra.${name}`, action: 'dropped', message: `"${name}" is set by the request itself.` });
    } else fields[name] = value;
  }
  return fields;
}

export function unsupported(param: string): ProviderError {
  return new ProviderError('unsupported', `This server takes no "${param}".`, { param });
}

function addSize(fields: Record<string, Json>, request: ImageRequest | VideoRequest, rules: DialectRules): void {
  const { size, resolution } = request.params;
  if (size !== undefined) fields.size = size === 'auto' ? size : `${size.width}x${size.height}`;
  if (resolution === undefined) return;
  // A resolution in pixels is a size under another name.
  if (/^\d+x\d+$/.test(resolution)) fields.size ??= resolution;
  else if (rules.extensions && !rules.unsupported.includes('resolution')) fields.resolution = resolution;
  else throw unsupported('resolution');
}

function addSeconds(fields: Record<string, Json>, request: ImageRequest | VideoRequest, rules: DialectRules, call: CallContext): void {
  const wanted = request.params.duration_seconds;
  if (typeof wanted !== 'number') return;
  const seconds = Math.max(1, Math.round(wanted));
  if (seconds !== wanted) {
    call.warn({ param: 'duration_seconds', action: 'mapped', message: `These servers take whole seconds; ${wanted} became ${seconds}.` });
  }
  fields.seconds = rules.seconds === 'string' ? String(seconds) : seconds;
}
