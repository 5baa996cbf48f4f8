import { randomUUID } from 'node:crypto';
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

/** Names and file names as the HTML Standard escapes them in `multipart/form-data`. */
function quoted(text: string): string {
  return `"${text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')}"`;
}

async function encodePart(part: MultipartPart): Promise<Uint8Array> {
  const { name, value } = part;
  const media = isInputMedia(value) ? value : undefined;
  const contentType = part.contentType ?? media?.contentType ?? (typeof value === 'string' ? undefined : 'application/octet-stream');
  const extension = contentType?.split('/')[1]?.match(/^[a-z0-9]+/)?.[0] ?? 'bin';
  const filename = part.filename ?? (typeof value === 'string' ? undefined : `${media?.role ?? name}.${extension}`);
  const disposition = `Content-Disposition: form-data; name=${quoted(name)}${filename === undefined ? '' : `; filename=${quoted(filename)}`}`;
  const head = contentType === undefined ? disposition : `${disposition}\r\nContent-Type: ${contentType}`;
  const data = isInputMedia(value) ? await value.read() : Buffer.from(value);
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), data]);
}

async function encodeMultipart(parts: readonly MultipartPart[]): Promise<EncodedBody> {
  const boundary = `litegen-${randomUUID()}`;
  const pieces: Uint8Array[] = [];
  for (const part of parts) pieces.push(Buffer.from(`--${boundary}\r\n`), await encodePart(part), Buffer.from('\r\n'));
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return { contentType: `multipart/form-data; boundary=${boundary}`, data: Buffer.concat(pieces) };
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
