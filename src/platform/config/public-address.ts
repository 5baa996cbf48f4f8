import type { Config } from './schema.js';

type Server = Pick<Config['server'], 'public_url'>;

/**
 * The address of one of the gateway's own paths as callers and vendors reach it.
 * @param path begins with a slash: `/v1/files/…`
 * @param origin where there is no `server.public_url`: the one that the caller used
 */
export function ownUrl({ public_url: publicUrl }: Server, path: string, origin = ''): string {
  return `${(publicUrl ?? origin).replace(/\/+$/, '')}${path}`;
}

/** The same without scheme and host, for `Location`: a proxy that serves the gateway under a prefix takes the prefix off. */
export function ownPath(server: Server, path: string): string {
  return `${prefixOf(server)}${path}`;
}

/** What {@link ownUrl} was asked for when it made a URL, and whether the URL names `server.public_url` itself. */
export function recognizeOwn(server: Server, url: URL): { readonly path: string; readonly isPublic: boolean } {
  const prefix = prefixOf(server);
  const path = url.pathname.startsWith(`${prefix}/`) ? url.pathname.slice(prefix.length) : url.pathname;
  return { path, isPublic: server.public_url !== undefined && new URL(server.public_url).origin === url.origin };
}

function prefixOf({ public_url: publicUrl }: Server): string {
  return publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/+$/, '');
}
