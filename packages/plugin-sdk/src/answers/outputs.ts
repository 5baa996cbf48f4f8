import type { JsonOptions } from '../context.js';
import type { MediaSource, Output, StoredMedia, UnreadableMedia, Withheld } from '../result.js';
import { bareWord, COMMON_CODES, type ErrorTable } from './error-tables.js';
import { beginsMedia, MEDIA_HEAD_LENGTH } from './media-values.js';
import { record, text } from './values.js';
import { meaningOf, readVendorError } from './vendor-error.js';

/** Keys for base64, for links, and for objects that hold either. */
const FILE_KEYS = ['b64_json', 'b64', 'base64', 'image_base64', 'video_base64', 'bytesBase64Encoded', 'imageBase64Data', 'imageDataURI'];
const LINK_KEYS = ['url', 'image_url', 'video_url', 'imageURL', 'videoURL', 'download_url', 'file_url', 'uri', 'href', 'link', 'sample'];
const HOLDER_KEYS = ['image', 'video', 'media', 'file', 'output', 'content', 'result', 'asset', 'source'];
const LIST_KEYS = [
  'data',
  'images',
  'videos',
  'output',
  'outputs',
  'results',
  'artifacts',
  'image_urls',
  'video_urls',
  'unsigned_urls',
  'urls',
];

/** For `response.json()` and `response.events()`: wherever {@link mediaOf} and {@link outputItems} look, files are stored while they come in. */
export const MEDIA_FIELDS: JsonOptions = Object.freeze({
  base64Keys: Object.freeze([...FILE_KEYS]),
  media: Object.freeze(
    [...[...LINK_KEYS, ...HOLDER_KEYS].map((key) => `$..${key}`), ...LIST_KEYS.map((key) => `$..${key}[*]`)].map((path) =>
      Object.freeze({ path }),
    ),
  ),
});

/** Where relative links lead, and what goes along. */
export interface MediaOrigin {
  readonly baseUrl?: string;
  /** Sent with links on the origin of `baseUrl`, and with no others. */
  readonly headers?: Readonly<Record<string, string>>;
}

const MAX_DEPTH = 3;
/** Of an answer; no vendor makes so many outputs. */
const MAX_ENTRIES = 10_000;

/**
 * The media in a part of a vendor's answer, by its value rather than its key: stored media, base64 and `data:` URLs under keys for
 * links, links under keys for files, each also within an object such as `{image_url: {url}}`. Empty strings are nothing. What has both
 * its bytes and a link is taken by its bytes.
 */
export function mediaOf(value: unknown, origin: MediaOrigin = {}): MediaSource | undefined {
  return find(value, origin, 0, 'link');
}

/** What a key says about its value, which the value may belie. */
type KeyKind = 'file' | 'link' | 'holder';

const KEYS: readonly (readonly [key: string, kind: KeyKind])[] = [
  ...FILE_KEYS.map((key) => [key, 'file'] as const),
  ...LINK_KEYS.map((key) => [key, 'link'] as const),
  ...HOLDER_KEYS.map((key) => [key, 'holder'] as const),
];

function find(value: unknown, origin: MediaOrigin, depth: number, kind: KeyKind): MediaSource | undefined {
  if (isStoredMedia(value)) return value;
  if (typeof value === 'string') return mediaOfText(value, origin, kind);
  const fields = record(value);
  if (fields === undefined || depth === MAX_DEPTH) return undefined;
  let link: MediaSource | undefined;
  for (const [key, named] of KEYS) {
    const found = find(fields[key], origin, depth + 1, named);
    if (found !== undefined && found.kind !== 'url') return found;
    link ??= found;
  }
  return link;
}

function mediaOfText(value: string, { baseUrl, headers }: MediaOrigin, kind: KeyKind): MediaSource | undefined {
  const said = value.trim();
  if (/^data:/i.test(said)) return bytes(dataUrlBytes(said));
  if (beginsMedia(said.slice(0, MEDIA_HEAD_LENGTH), kind === 'file' ? 'declared' : 'possible', said.length <= MEDIA_HEAD_LENGTH)) {
    return bytes(base64Bytes(said));
  }
  const isRelative = !/^[a-z][a-z\d+.-]*:/i.test(said);
  // A single word is no path, and neither is what stands elsewhere than links do.
  if (isRelative && (kind !== 'link' || baseUrl === undefined || !/^\S*[/.]\S*$/.test(said))) return undefined;
  if (!URL.canParse(said, baseUrl)) return undefined;
  const url = new URL(said, baseUrl);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const isOwn = baseUrl !== undefined && url.origin === new URL(baseUrl).origin;
  return { kind: 'url', url: url.href, ...(isOwn && headers !== undefined ? { headers } : {}) };
}

function bytes(data: Uint8Array | undefined): MediaSource | undefined {
  return data === undefined || data.length === 0 ? undefined : { kind: 'bytes', data };
}

function dataUrlBytes(url: string): Uint8Array | undefined {
  const comma = url.indexOf(',');
  if (comma === -1) return undefined;
  const content = url.slice(comma + 1);
  if (/;\s*base64\s*$/i.test(url.slice(0, comma))) return base64Bytes(content);
  try {
    return Buffer.from(decodeURIComponent(content));
  } catch {
    return undefined;
  }
}

function base64Bytes(base64: string): Uint8Array | undefined {
  const letters = base64.replace(/\s+/g, '');
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(letters) ? new Uint8Array(Buffer.from(letters, 'base64')) : undefined;
}

export function isStoredMedia(value: unknown): value is StoredMedia {
  const fields = record(value);
  return fields?.kind === 'litegen.stored-media' && typeof fields.sha256 === 'string';
}

function isUnreadable(value: unknown): value is UnreadableMedia {
  return record(value)?.kind === 'litegen.unreadable-media';
}

/**
 * The entries of an answer that stand for outputs: those of the first list, such as `data` or `images`, that holds media, else of the first
 * that holds anything; an object that is media itself. Empty when the answer has none.
 */
export function outputItems(body: unknown): readonly unknown[] {
  return itemsIn(body, 0).slice(0, MAX_ENTRIES);
}

function itemsIn(body: unknown, depth: number): readonly unknown[] {
  const fields = record(body);
  if (fields === undefined || depth > MAX_DEPTH) return [];
  const lists = LIST_KEYS.map((key) => itemsUnder(fields[key], depth)).filter((items) => items.length > 0);
  const withMedia = lists.find((items) => items.some((item) => mediaOf(item, ANYWHERE) !== undefined));
  if (withMedia !== undefined) return withMedia;
  return mediaOf(fields, ANYWHERE) === undefined ? (lists[0] ?? []) : [fields];
}

/** Only whether there is any media is asked. */
const ANYWHERE: MediaOrigin = { baseUrl: 'http://vendor.invalid/' };

function itemsUnder(value: unknown, depth: number): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const fields = record(value);
  if (fields === undefined || isStoredMedia(fields)) return typeof value === 'string' || fields !== undefined ? [value] : [];
  const inner = itemsIn(fields, depth + 1);
  return inner.length > 0 ? inner : Object.keys(fields).length > 0 ? [fields] : [];
}

/**
 * Outputs from the entries of an answer. An entry without media (null, empty, an error, flagged by moderation) is withheld with its
 * reason, and never costs the others.
 */
export function readOutputs(
  items: readonly unknown[],
  origin: MediaOrigin = {},
  errors?: ErrorTable,
): { readonly outputs: Output[]; readonly withheld: Withheld[] } {
  const outputs: Output[] = [];
  const withheld: Withheld[] = [];
  for (const item of items) {
    const media = mediaOf(item, origin);
    if (media === undefined) withheld.push(whyWithheld(item, errors));
    else outputs.push({ media, ...described(item) });
  }
  return { outputs, withheld };
}

function described(item: unknown): Pick<Output, 'revisedPrompt' | 'seed'> {
  const { revised_prompt: revised, actual_prompt: actual, seed } = record(item) ?? {};
  const revisedPrompt = typeof revised === 'string' ? revised : typeof actual === 'string' ? actual : undefined;
  return {
    ...(revisedPrompt === undefined ? {} : { revisedPrompt }),
    ...(typeof seed === 'number' && Number.isSafeInteger(seed) ? { seed } : {}),
  };
}

/** The model's `charges` tell whether the vendor bills for it. */
function whyWithheld(item: unknown, errors: ErrorTable | undefined): Withheld {
  const words = readVendorError(item) ?? (typeof item === 'string' ? { message: text(item) } : {});
  const said = { count: 1, charged: 'unknown' as const, vendorCode: words.code ?? words.type };
  if (isFlagged(item)) return { ...said, code: 'content_rejected', message: words.message ?? 'The vendor’s filter withheld it.' };
  const broken = Object.values(record(item) ?? {}).find(isUnreadable) ?? (isUnreadable(item) ? item : undefined);
  if (broken !== undefined) return { ...said, code: 'invalid_response', message: `The file cannot be read: ${broken.reason}.` };
  const code = words.message === undefined && words.code === undefined ? undefined : meaningOf(words, 0, errors);
  return { ...said, code: code ?? 'invalid_response', message: words.message ?? 'The vendor’s entry holds no media.' };
}

const FLAGS = [
  'nsfw',
  'is_nsfw',
  'nsfw_content_detected',
  'has_nsfw',
  'has_nsfw_content',
  'NSFWContent',
  'flagged',
  'moderated',
  'blocked',
  'censored',
];
const REASONS = ['finish_reason', 'finishReason', 'status', 'state', 'type'];

/** Whether an entry says that moderation withheld it. */
export function isFlagged(item: unknown): boolean {
  const fields = record(item);
  if (fields === undefined) return false;
  if (FLAGS.some((name) => fields[name] === true) || fields.respect_moderation === false) return true;
  return REASONS.some((name) => COMMON_CODES.get(bareWord(text(fields[name]) ?? '')) === 'content_rejected');
}
