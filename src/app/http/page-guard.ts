import type { FastifyRequest } from 'fastify';
import { ApiError } from '../../platform/common/index.js';
import { type Config, configuredHost, hostOf, isLoopbackHost } from '../../platform/config/index.js';

/** Balancers and orchestrators ask by whatever address they know, and are told nothing. */
const HEALTH_ROUTES: ReadonlySet<string | undefined> = new Set(['/health/live', '/health/ready']);

/**
 * Keeps pages from elsewhere out of a gateway without a master key, where whoever reaches the port is an administrator: the browser of
 * somebody on this machine would reach it for any page. A page can make a name of its own lead to this machine (DNS rebinding), so the
 * host that a request names has to be a known one; and what it says about its origin is never held against what it says itself.
 */
export class PageGuard {
  private readonly hosts: ReadonlySet<string>;
  private readonly publicOrigin: string | undefined;
  private readonly port: number;
  private readonly allowedOrigins: readonly string[];

  constructor({ server, cors }: Pick<Config, 'server' | 'cors'>) {
    const publicUrl = server.public_url === undefined ? undefined : new URL(server.public_url);
    const named = [...server.allowed_hosts, server.host].map(configuredHost);
    this.hosts = new Set([...named, hostOf(publicUrl?.host ?? '')].filter((host) => host !== undefined));
    this.publicOrigin = publicUrl?.origin;
    this.port = server.port;
    this.allowedOrigins = cors.allowed_origins;
  }

  /** @throws ApiError `forbidden` for a host that is not known */
  checkHost({ headers, raw, socket, routeOptions }: FastifyRequest): void {
    if (HEALTH_ROUTES.has(routeOptions.url)) return;
    // Refused as malformed before it reaches a route.
    if (headers.host === undefined && raw.httpVersion === '1.1') return;
    // Never what a proxy says that it was: anybody may say that.
    const { host: named = '' } = headers;
    const host = hostOf(named);
    // The address on which the connection came in is ours, and no name can be made to look like it.
    if (host !== undefined && (this.isKnown(host) || host === hostOf(bracketed(socket.localAddress ?? '')))) return;
    throw new ApiError(
      'forbidden',
      `This gateway has no master key, and therefore answers only under hosts that it knows, which ${named === '' ? 'no host' : named.slice(0, 200)} is ` +
        'not. Name the host in server.allowed_hosts, or set a master key.',
      { param: 'host' },
    );
  }

  /** @throws ApiError `forbidden` for a page of another origin */
  checkOrigin({ headers, socket }: FastifyRequest): void {
    const { origin } = headers;
    if (origin === undefined || this.allowedOrigins.includes(origin) || this.allowedOrigins.includes('*')) return;
    // Browsers' own word, which no page can change; the host is a known one by now.
    if (headers['sec-fetch-site'] === 'same-origin' || this.isOwn(origin, socket.localPort ?? this.port)) return;
    throw new ApiError(
      'forbidden',
      `Pages of ${origin.slice(0, 200)} may not use a gateway without a master key. Add the origin to cors.allowed_origins.`,
      { param: 'origin' },
    );
  }

  private isKnown(host: string): boolean {
    return isLoopbackHost(host) || this.hosts.has(host);
  }

  private isOwn(origin: string, port: number): boolean {
    if (origin === this.publicOrigin) return true;
    if (!URL.canParse(origin)) return false;
    const { protocol, host, port: named } = new URL(origin);
    const own = hostOf(host);
    if (own === undefined || !this.isKnown(own)) return false;
    return Number(named || (protocol === 'https:' ? 443 : 80)) === port;
  }
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
