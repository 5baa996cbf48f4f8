import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiError } from '../../platform/common/index.js';

/** Remembers which paths exist, because the router does not tell a wrong verb from a wrong path. */
@Injectable()
export class RouteTable {
  private readonly fixed = new Map<string, Set<string>>();
  private readonly patterns: { method: string; pattern: RegExp }[] = [];

  /** @param url Fastify's pattern, such as `/v1/keys/:id`. */
  add(method: string, url: string): void {
    // CORS's answer to preflights says nothing about which paths there are.
    if (url === '*') return;
    if (!isPattern(url)) {
      this.fixed.set(url, (this.fixed.get(url) ?? new Set<string>()).add(method));
      return;
    }
    const source = url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:[^/]+/g, '[^/]+')
      .replace(/\*/g, '.+');
    this.patterns.push({ method, pattern: new RegExp(`^${source}$`) });
  }

  /** Whether no route is meant for the request, though one may have taken it: `DELETE /v1/videos/generations` deletes no video of that name. */
  isMiss({ is404, method, url, headers, routeOptions }: FastifyRequest): boolean {
    if (is404) return true;
    if (routeOptions.url === '*') return headers.origin === undefined || headers['access-control-request-method'] === undefined;
    if (!isPattern(routeOptions.url ?? '')) return false;
    const methods = this.fixed.get(pathOf(url));
    return methods !== undefined && !methods.has(method);
  }

  methodsOf(path: string): string[] {
    const methods = this.fixed.get(path) ?? this.patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    return [...new Set(methods)].sort();
  }

  /** What a request that no route is meant for is answered with. */
  miss(method: string, url: string): ApiError {
    const [path = '/'] = url.split(/[?#]/, 1);
    const allowed = this.methodsOf(pathOf(url));
    if (allowed.length === 0) return new ApiError('route_not_found', `There is no ${method} ${path}. The API is described at /docs.`);
    return new ApiError('method_not_allowed', `${path} does not answer ${method}.`, {
      accepted: allowed,
      headers: { allow: allowed.join(', ') },
    });
  }
}

function isPattern(url: string): boolean {
  return url.includes(':') || url.includes('*');
}

/** As the router reads it. */
function pathOf(url: string): string {
  const [path = '/'] = url.split(/[?#]/, 1);
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
