import { classifyAddress, parseAddress } from './address.policy.js';
import type { AllowList } from './allow-list.js';
import { blocked } from './egress.errors.js';
import type { OriginList } from './origins.js';

export type EgressPolicy =
  /** Somebody else's URL: reference images, webhook receivers. */
  | { readonly kind: 'public' }
  /**
   * A vendor: the plugin's declared origins, at public addresses, and the origins that the operator named, such as that of `api_base`, which
   * may be in a private network for that reason. `anyPublic`: every other public address as well, as for somebody else's URL.
   */
  | { readonly kind: 'vendor'; readonly declared: OriginList; readonly trusted: OriginList; readonly anyPublic?: boolean };

/** A URL that may be called, if its host's addresses hold what they must. */
export interface Destination {
  readonly url: URL;
  /** The host without brackets, and without a name's trailing dot. */
  readonly host: string;
  readonly privateAllowed: boolean;
  readonly origin: string;
  /** With the query. */
  readonly path: string;
}

function normalise(input: string | URL): URL {
  const text = String(input);
  if (!URL.canParse(text)) throw blocked('the URL cannot be read');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw blocked(`${url.protocol}// URLs are not fetched; use https`);
  if (url.username !== '' || url.password !== '') throw blocked('the URL carries a user name or password');
  // `example.com.` is the same host; TLS and allow-lists know it without the dot.
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.replace(/\.+$/, '');
  if (url.hostname === '' || url.hostname.endsWith('.')) throw blocked('the URL names no host');
  return url;
}

/** The addresses of a host, checked: all of them must be allowed, since an attacker chooses the order. @throws EgressError `blocked` */
export function checkAddresses(host: string, addresses: readonly string[], privateAllowed: boolean, allow: AllowList): void {
  for (const text of addresses) {
    const address = parseAddress(text);
    const verdict = address === undefined ? 'forbidden' : classifyAddress(address);
    if (verdict === 'public') continue;
    if (verdict === 'private' && privateAllowed) continue;
    if (address !== undefined && verdict !== 'forbidden' && allow.allowsAddress(address)) continue;
    throw blocked(`the address of ${host} is not a public one`);
  }
}

/** Everything about a URL that can be judged without asking a resolver. @throws EgressError `blocked` */
export function checkUrl(input: string | URL, policy: EgressPolicy, allow: AllowList): Destination {
  const url = normalise(input);
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const port = Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port);
  let trusted = false;
  if (policy.kind === 'vendor') trusted = policy.trusted.includes(url);
  if (policy.kind === 'public' || (policy.anyPublic === true && !trusted && !policy.declared.includes(url))) {
    if (!allow.allowsPort(url.hostname, port)) throw blocked(`port ${port} is not open for outbound requests`);
  } else if (!trusted && !policy.declared.includes(url)) throw blocked(`${url.origin} is not in the declared egress`);
  const privateAllowed = trusted || allow.allowsHost(url.hostname, port);
  // A literal is never resolved, so nothing behind this point would look at it.
  if (parseAddress(host) !== undefined) checkAddresses(host, [host], privateAllowed, allow);
  return { url, host, privateAllowed, origin: url.origin, path: url.pathname + url.search };
}
