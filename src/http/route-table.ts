import { Injectable } from '@nestjs/common';
import { ApiError } from '../common/index.js';

/** Remembers which paths exist, because the router does not tell a wrong verb from a wrong path. */
@Injectable()
export class RouteTable {
  private readonly routes: { method: string; pattern: RegExp }[] = [];

  /** @param url Fastify's pattern, such as `/v1/keys/:id`. */
  add(method: string, url: string): void {
    const source = url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:[^/]+/g, '[^/]+')
      .replace(/\*/g, '.*');
    this.routes.push({ method, pattern: new RegExp(`^${source}$`) });
  }

  methodsOf(path: string): string[] {
    return [...new Set(this.routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort();
  }

  /** What a request that no route took is answered with. */
  miss(method: string, url: string): ApiError {
    const path = url.split('?')[0] ?? '/';
    const allowed = this.methodsOf(path);
    if (allowed.length === 0) return new ApiError('route_not_found', `There is no ${method} ${path}. The API is described at /docs.`);
    return new ApiError('method_not_allowed', `${path} does not answer ${method}.`, {
      accepted: allowed,
      headers: { allow: allowed.join(', ') },
    });
  }
}
