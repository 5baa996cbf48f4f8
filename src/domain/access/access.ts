import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { ApiExtension, ApiSecurity } from '../../platform/openapi/index.js';
import type { Principal, Scope } from './principal.js';

/** Who may use a route. A route that does not say so stops the start. */
export type Access =
  /** Anybody, without a key. */
  | { readonly kind: 'public' }
  /** Whoever knows the token of a vendor's callback, which is the path's `:token`. */
  | { readonly kind: 'callback' }
  | { readonly kind: 'scope'; readonly scope: Scope };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Set by the authentication hook on every route that is not public. */
    principal?: Principal;
  }
}

/** For descriptions of routes that go by {@link reachOf}. */
export const OWN_WORK = 'Of what was made with the caller’s own key; with the scope `admin` as well, of all of its application.';

/** The caller's key must carry the scope; the OpenAPI document says so. */
export function Scoped(scope: Scope): MethodDecorator {
  return applyDecorators(RouteConfig({ access: { kind: 'scope', scope } satisfies Access }), ApiExtension('x-required-scope', scope));
}

/** The token in the path is looked at before the body is; that is small, and arrives as its bytes, whatever its type. */
export function ByCallbackToken(): MethodDecorator {
  return RouteConfig({ access: { kind: 'callback' } satisfies Access });
}

/** No key is asked for. */
export function Public(): MethodDecorator {
  return applyDecorators(RouteConfig({ access: { kind: 'public' } satisfies Access }), ApiSecurity({}));
}

/** The caller of a route that is not public. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new Error(`The route ${request.routeOptions.url} is public and has no principal`);
  return request.principal;
}
