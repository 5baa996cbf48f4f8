import {
  type CallContext,
  type ImageRequest,
  type InputMedia,
  type Json,
  type JsonBody,
  MEDIA_FIELDS,
  type MultipartPart,
  ProviderError,
  readFinished,
  responseError,
  type StartResult,
  type VendorRequestInit,
} from '@litegen/plugin-sdk';
import { baseUrl, vendorHeaders } from './connection.js';
import { OPENAI_ERRORS } from './errors.js';
import { commonFields } from './fields.js';
import { readStream } from './stream.js';

/** The longest `image_url` that a JSON edit takes, in characters (OpenAI's OpenAPI document of 2026-08-21). */
const MAX_IMAGE_URL_CHARACTERS = 20_971_520;

/** The sizes that the JSON edit's schema lists; others are documented for the multipart edit only. */
const JSON_EDIT_SIZES = new Set<Json | undefined>([undefined, 'auto', '1024x1024', '1536x1024', '1024x1536']);

export async function startImage(request: ImageRequest, call: CallContext): Promise<StartResult> {
  const edit = request.operation === 'image.edit' || request.inputs.length > 0;
  const streamed = request.partialImages > 0;
  const fields = commonFields(request, call);
  const response = await call.fetch(`${baseUrl(call)}/images/${edit ? 'edits' : 'generations'}`, {
    ...(edit ? editBody(fields, request.inputs) : { json: fields }),
    headers: { ...vendorHeaders(call), accept: streamed ? 'text/event-stream' : 'application/json' },
    submits: true,
  });
  if (!response.ok) throw await responseError(response, call, OPENAI_ERRORS);
  // A proxy in between may answer a stream's request with one JSON document, and one that imitates OpenAI may answer with links.
  const finished = response.headers['content-type']?.startsWith('text/event-stream')
    ? await readStream(response.events(MEDIA_FIELDS), response, call)
    : readFinished(await response.json(MEDIA_FIELDS), response, request.n, call, OPENAI_ERRORS);
  return { state: 'done', ...finished };
}

function editBody(fields: Readonly<Record<string, Json>>, inputs: readonly InputMedia[]): Pick<VendorRequestInit, 'json' | 'multipart'> {
  const mask = inputs.find((input) => input.role === 'mask');
  const markup = inputs.find((input) => input.role === 'markup');
  const images = inputs.filter((input) => input !== mask && input !== markup);
  if (images.length === 0) throw new ProviderError('invalid_request', 'An edit needs at least one image.', { param: 'image' });
  if (mask && markup) throw new ProviderError('invalid_request', 'OpenAI takes a mask or a markup, not both.', { param: 'mask' });
  const fitsJson = inputs.every((input) => dataUrlCharacters(input) <= MAX_IMAGE_URL_CHARACTERS) && JSON_EDIT_SIZES.has(fields.size);
  // `markup` is documented as a multipart part only.
  return markup || !fitsJson ? { multipart: multipartEdit(fields, images, mask, markup) } : { json: jsonEdit(fields, images, mask) };
}

function jsonEdit(fields: Readonly<Record<string, Json>>, images: readonly InputMedia[], mask?: InputMedia): JsonBody {
  return {
    ...fields,
    images: images.map((image) => ({ image_url: image.dataUrl() })),
    ...(mask ? { mask: { image_url: mask.dataUrl() } } : {}),
  };
}

function multipartEdit(
  fields: Readonly<Record<string, Json>>,
  images: readonly InputMedia[],
  mask?: InputMedia,
  markup?: InputMedia,
): MultipartPart[] {
  const parts: MultipartPart[] = Object.entries(fields).map(([name, value]) => ({
    name,
    value: typeof value === 'string' ? value : JSON.stringify(value),
  }));
  images.forEach((image, index) => {
    parts.push(filePart(images.length > 1 ? 'image[]' : 'image', `image-${index}`, image));
  });
  if (mask) parts.push(filePart('mask', 'mask', mask));
  if (markup) parts.push(filePart('markup', 'markup', markup));
  return parts;
}

function filePart(name: string, stem: string, media: InputMedia): MultipartPart {
  return { name, value: media, filename: `${stem}.${media.contentType.split('/')[1] ?? 'bin'}`, contentType: media.contentType };
}

function dataUrlCharacters(media: InputMedia): number {
  return `data:${media.contentType};base64,`.length + Math.ceil(media.bytes / 3) * 4;
}
