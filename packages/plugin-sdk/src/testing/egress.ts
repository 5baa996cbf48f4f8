import type { PluginManifest } from '../manifest.js';

/**
 * Whether a manifest's egress list lets a URL through. Entries are origins, `https://*.example.com` for subdomains, or
 * `$api_base` for the origin of the operator's base URL.
 */
export function egressAllows(egress: readonly string[], url: URL, apiBase?: string): boolean {
  return egress.some((entry) => {
    if (entry === '$api_base') return apiBase !== undefined && new URL(apiBase).origin === url.origin;
    const wildcard = /^(https?:)\/\/\*\.([^/:]+)(?::(\d+))?\/?$/.exec(entry);
    if (wildcard === null) return URL.canParse(entry) && new URL(entry).origin === url.origin;
    const [, protocol, domain, port = ''] = wildcard;
    return url.protocol === protocol && url.port === port && url.hostname.endsWith(`.${String(domain).toLowerCase()}`);
  });
}

/** Whether the gateway may download an output from there, as the manifest's `transfers` say. */
export function transfersAllow(
  { egress = [], transfers = egress }: Pick<PluginManifest, 'egress' | 'transfers'>,
  url: URL,
  apiBase?: string,
): boolean {
  return transfers === 'public' || egressAllows([...transfers, '$api_base'], url, apiBase);
}
