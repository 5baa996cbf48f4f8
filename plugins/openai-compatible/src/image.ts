import {
  type CallContext,
  type ImageRequest,
  type Json,
  MEDIA_FIELDS,
  type MultipartPart,
  ProviderError,
  readFinished,
  responseError,
  type StartResult,
  type VendorRequestInit,
} from '@litegen/plugin-sdk';
import { connect } from './connection.js';
import { DIALECTS } from './dialect.js';
import { SERVER_ERRORS } from './errors.js';
import { requestFields, unsupported } from './fields.js';
import { whiteMask } from './mask.js';
import { fieldParts, filePart } from './multipart.js';
import type { CompatibleOptions } from './options.js';

export async function startImage(request: ImageRequest, call: CallContext, options: CompatibleOptions): Promise<StartResult> {
  const server = connect(call, options);
  const edit = request.operation === 'image.edit' || request.inputs.length > 0;
  const fields: Record<string, Json> = { ...requestFields(request, call, options), n: request.n };
  if (DIALECTS[options.dialect].sendsResponseFormat) fields.response_format = 'b64_json';
  if (request.partialImages > 0) {
    call.warn({ param: 'partial_images', action: 'dropped', message: 'These servers send finished images only.' });
  }
  const body: Pick<VendorRequestInit, 'json' | 'multipart'> = edit
    ? { multipart: await editParts(request, fields, options) }
    : { json: fields };
  const response = await call.fetch(`${server.baseUrl}/images/${edit ? 'edits' : 'generations'}`, {
    ...body,
    headers: { ...server.headers, accept: 'application/json' },
    submits: true,
  });
  if (!response.ok) throw await responseError(response, call, SERVER_ERRORS);
  // Relative links belong to the server, and so do its headers. Its own file paths, which some answers carry, are left alone.
  const origin = { baseUrl: `${server.baseUrl}/`, headers: server.headers };
  const answer = await response.json(MEDIA_FIELDS);
  return { state: 'done', ...readFinished(answer, response, request.n, call, { ...SERVER_ERRORS, origin }) };
}

async function editParts(
  request: ImageRequest,
  fields: Readonly<Record<string, Json>>,
  options: CompatibleOptions,
): Promise<MultipartPart[]> {
  const rules = DIALECTS[options.dialect];
  const mask = request.inputs.find((input) => input.role === 'mask');
  const images = request.inputs.filter((input) => input !== mask);
  if (images.length === 0) throw new ProviderError('invalid_request', 'An edit needs at least one image.', { param: 'image' });
  if (images.some((image) => image.role === 'mask')) throw unsupported('mask');
  const parts = fieldParts(fields);
  images.forEach((image, index) => {
    parts.push(filePart(images.length > 1 ? rules.imagesPart : 'image', `image-${index}`, image));
  });
  if (mask && rules.mask === 'alpha') parts.push(filePart('mask', 'mask', mask));
  else if (mask) parts.push({ name: 'mask_image', value: await whiteMask(mask), filename: 'mask.png', contentType: 'image/png' });
  return parts;
}
