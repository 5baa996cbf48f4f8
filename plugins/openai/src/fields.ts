import { createHash } from 'node:crypto';
import type { CallContext, ImageRequest, Json } from '@litegen/plugin-sdk';
import { sizeForAspectRatio } from './size.js';

/** Parameters that go out under their own names. */
const PASSED_PARAMS = new Set(['quality', 'background', 'output_format', 'output_compression', 'moderation', 'input_fidelity']);

/** Keys that the gateway decides; a vendor option of the caller never replaces them. */
const RESERVED = new Set([
  'model',
  'prompt',
  'n',
  'size',
  'stream',
  'partial_images',
  'image',
  'image[]',
  'images',
  'mask',
  'markup',
  'response_format',
]);

const MAX_IDENTIFIER_CHARACTERS = 128;

/** The fields that generation and edit share, without the pictures. */
export function commonFields(request: ImageRequest, call: CallContext): Record<string, Json> {
  const fields: Record<string, Json> = { model: vendorModel(request), prompt: request.prompt, n: request.n };
  const size = vendorSize(request, call);
  if (size !== undefined) fields.size = size;
  for (const [name, value] of Object.entries(request.params)) {
    if (value === undefined || name === 'size' || name === 'aspect_ratio') continue;
    if (PASSED_PARAMS.has(name)) fields[name] = value as Json;
    else call.warn({ param: name, action: 'dropped', message: `GPT Image has no parameter "${name}".` });
  }
  if (request.user !== undefined) fields.safety_identifier = safetyIdentifier(request.user);
  if (request.partialImages > 0) {
    fields.stream = true;
    fields.partial_images = request.partialImages;
  }
  for (const [name, value] of Object.entries(request.extra)) {
    if (RESERVED.has(name) || Object.hasOwn(fields, name)) {
      call.warn({ param: `extra.${name}`, action: 'dropped', message: `"${name}" is set by the request itself.` });
    } else fields[name] = value;
  }
  return fields;
}

/** The YAML's `upstream.model`, else the catalogue name. */
function vendorModel(request: ImageRequest): string {
  const { model } = request.model.upstream;
  return typeof model === 'string' ? model : request.model.name;
}

function vendorSize(request: ImageRequest, call: CallContext): string | undefined {
  const { size, aspect_ratio: aspectRatio } = request.params;
  if (size !== undefined && size !== 'auto') {
    if (aspectRatio !== undefined) {
      call.warn({ param: 'aspect_ratio', action: 'dropped', message: 'The size decides the aspect ratio.' });
    }
    return `${size.width}x${size.height}`;
  }
  if (aspectRatio === undefined) return size;
  const mapped = sizeForAspectRatio(aspectRatio);
  const text = `${mapped.width}x${mapped.height}`;
  call.warn({ param: 'aspect_ratio', action: 'mapped', message: `OpenAI takes sizes only; ${aspectRatio} became ${text}.` });
  return text;
}

/** OpenAI takes at most 128 characters; a longer name is replaced by its SHA-256, so that it stays the same for the same user. */
function safetyIdentifier(user: string): string {
  return user.length <= MAX_IDENTIFIER_CHARACTERS ? user : createHash('sha256').update(user).digest('hex');
}
