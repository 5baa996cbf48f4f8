import type { JsonBody, MultipartPart, VendorRequestInit } from '../context.js';
import type { InputMedia, MediaText } from '../request.js';

export interface EncodedBody {
  readonly contentType?: string;
  readonly data: Uint8Array;
}

function isMediaText(value: object): value is MediaText {
  return (value as { kind?: unknown }).kind === 'litegen.media-text';
}

async function mediaText(text: MediaText): Promise<string> {
  const base64 = Buffer.from(await text.media.read()).toString('base64');
  return text.form === 'data_url' ? `data:${text.media.contentType};base64,${base64}` : base64;
}

async function withMedia(value: JsonBody | undefined): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map((item: JsonBody) => withMedia(item)));
  if (isMediaText(value)) return mediaText(value);
  const entries = Object.entries(value as Record<string, JsonBody | undefined>);
  return Object.fromEntries(await Promise.all(entries.map(async ([key, item]) => [key, await withMedia(item)] as const)));
}

function isInputMedia(value: MultipartPart['value']): value is InputMedia {
  return typeof value === 'object' && 'read' in value;
}

async function encodeMultipart(parts: readonly MultipartPart[]): Promise<EncodedBody> {
  const form = new FormData();
  for (const part of parts) {
    const { name, value } = part;
    if (typeof value === 'string' && part.filename === undefined && part.contentType === undefined) {
      form.append(name, value);
      continue;
    }
    const media = isInputMedia(value) ? value : undefined;
    const data = isInputMedia(value) ? await value.read() : value;
    const type = part.contentType ?? media?.contentType ?? '';
    const extension = type.split('/')[1]?.replace(/[^a-z0-9].*$/, '') ?? 'bin';
    const content = typeof data === 'string' ? data : new Uint8Array(data);
    form.append(name, new Blob([content], { type }), part.filename ?? `${media?.role ?? name}.${extension}`);
  }
  const encoded = new Response(form);
  return { contentType: encoded.headers.get('content-type') ?? undefined, data: new Uint8Array(await encoded.arrayBuffer()) };
}

/** The bytes to send for a request, with every {@link MediaText} written out. */
export async function encodeBody(init: VendorRequestInit): Promise<EncodedBody | undefined> {
  const given = [init.json, init.multipart, init.body].filter((body) => body !== undefined);
  if (given.length > 1) throw new TypeError('a request takes at most one of json, multipart and body');
  if (init.json !== undefined) {
    return { contentType: 'application/json', data: Buffer.from(JSON.stringify(await withMedia(init.json))) };
  }
  if (init.multipart !== undefined) return encodeMultipart(init.multipart);
  if (init.body !== undefined) return { data: typeof init.body === 'string' ? Buffer.from(init.body) : init.body };
  return undefined;
}
