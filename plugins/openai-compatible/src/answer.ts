import { type Finished, type MediaSource, type Output, ProviderError, type StoredMedia, type VendorUsage } from '@litegen/plugin-sdk';
import type { Connection } from './connection.js';
import { isRecord } from './errors.js';

/**
 * Reads `{data: [{b64_json | url}]}`. The server's own file paths, which some answers carry, are left alone.
 * @throws ProviderError `invalid_response` when a picture is missing.
 */
export function readImages(body: unknown, server: Connection): Finished {
  const data = isRecord(body) && Array.isArray(body.data) ? (body.data as unknown[]) : [];
  if (!isRecord(body) || data.length === 0) throw noImage();
  return { outputs: data.map((item) => readOutput(item, server)), usage: readUsage(body.usage) };
}

function readOutput(item: unknown, server: Connection): Output {
  if (!isRecord(item)) throw noImage();
  const media = isStoredMedia(item.b64_json) ? item.b64_json : typeof item.url === 'string' ? mediaAt(item.url, server) : undefined;
  if (media === undefined) throw noImage();
  return {
    media,
    ...(typeof item.revised_prompt === 'string' ? { revisedPrompt: item.revised_prompt } : {}),
    ...(Number.isSafeInteger(item.seed) ? { seed: item.seed as number } : {}),
  };
}

/** A relative link belongs to the server. The server's headers go to the server only. */
function mediaAt(link: string, server: Connection): MediaSource | undefined {
  const inline = /^data:[^,]*;base64,/.exec(link);
  if (inline) return { kind: 'bytes', data: Buffer.from(link.slice(inline[0].length), 'base64') };
  if (link === '' || !URL.canParse(link, server.baseUrl)) return undefined;
  const url = new URL(link, server.baseUrl);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  if (url.origin !== new URL(server.baseUrl).origin) return { kind: 'url', url: url.href };
  return { kind: 'url', url: url.href, headers: server.headers };
}

/** Token counts, which gateways in front of OpenAI hand through; self-hosted servers send none. */
function readUsage(usage: unknown): VendorUsage | undefined {
  if (!isRecord(usage)) return undefined;
  const details = isRecord(usage.input_tokens_details) ? usage.input_tokens_details : {};
  const counts: VendorUsage = {
    input_text_tokens: count(details.text_tokens) ?? count(usage.input_tokens),
    input_image_tokens: count(details.image_tokens),
    output_image_tokens: count(usage.output_tokens),
  };
  return Object.values(counts).some((value) => value !== undefined) ? counts : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function isStoredMedia(value: unknown): value is StoredMedia {
  return isRecord(value) && value.kind === 'litegen.stored-media';
}

function noImage(): ProviderError {
  return new ProviderError('invalid_response', 'The server answered without an image.', { charged: 'unknown', vendorStatus: 200 });
}
