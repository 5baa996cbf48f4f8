import { blocked } from './egress.errors.js';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** What says nothing about the caller and may go along to another origin. */
const HARMLESS_HEADERS = new Set(['accept', 'accept-language', 'accept-encoding', 'user-agent', 'range']);

export interface Hop {
  readonly url: URL;
  readonly headers: Record<string, string>;
}

/**
 * Where a response leads, or undefined when it leads nowhere. The target is only parsed here; it is checked like any other URL.
 * @throws EgressError `blocked` when the next hop would give up encryption.
 */
export function nextHop(
  from: URL,
  status: number,
  location: string | undefined,
  headers: Readonly<Record<string, string>>,
): Hop | undefined {
  if (!REDIRECTS.has(status) || location === undefined) return undefined;
  if (!URL.canParse(location, from.href)) throw blocked(`${from.host} redirects to something that is not a URL`);
  const url = new URL(location, from);
  if (from.protocol === 'https:' && url.protocol !== 'https:') throw blocked(`${from.host} redirects from https to ${url.protocol}//`);
  const kept = Object.entries(headers).filter(([name]) => url.origin === from.origin || HARMLESS_HEADERS.has(name.toLowerCase()));
  return { url, headers: Object.fromEntries(kept) };
}
