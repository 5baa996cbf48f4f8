import ipaddr from 'ipaddr.js';

/**
 * A host as it is compared: lower case, without a dot at its end, addresses in their one form. Undefined when it is none.
 * @param authority as in the header `Host`: a name, an IPv4 address or an IPv6 address in brackets, with or without a port
 */
export function hostOf(authority: string): string | undefined {
  if (!/^[^\s/?#@\\]+$/.test(authority) || !URL.canParse(`http://${authority}`)) return undefined;
  return normalized(new URL(`http://${authority}`).hostname);
}

/** As an operator writes it: a name or an address without a port and without wildcards; an IPv6 address with or without brackets. */
export function configuredHost(text: string): string | undefined {
  if (ipaddr.IPv6.isValid(text)) return normalized(text);
  if (/:\d*$/.test(text.replace(/^\[.*\]/, ''))) return undefined;
  const host = hostOf(text);
  return host !== undefined && /^[a-z0-9._-]+$|:/.test(host) ? host : undefined;
}

function normalized(hostname: string): string {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (ipaddr.isValid(bare)) return ipaddr.process(bare).toString();
  return bare.endsWith('.') ? bare.slice(0, -1) : bare;
}

/** @param host from {@link hostOf}. Browsers take the names for this machine without asking anybody (RFC 6761). */
export function isLoopbackHost(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback';
}
