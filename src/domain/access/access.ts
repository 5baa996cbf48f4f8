import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExtension, ApiSecurity } from '../../platform/openapi/index.js';

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

/** What a key may be used for. There is no hierarchy: `admin` does not imply `read`. */
export const SCOPES = ['generate', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** The organization and application that rows belong to. */
export interface Tenant {
  readonly orgId: string;
  readonly appId: string;
}

/** Who is calling. */
export interface Principal extends Tenant {
  readonly kind: 'master' | 'key' | 'anonymous';
  readonly keyId?: string;
  /** A name for logs and metrics; never the secret. */
  readonly label: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Catalogue ids or globs (`openai/*`); undefined means all models. */
  readonly allowedModels?: readonly string[];
  /** Requests per minute. */
  readonly rpmLimit?: number;
  /** How long its results may be given again, seconds; 0: never. Undefined: as the model has it. */
  readonly cacheTtlSeconds?: number;
  /** Whether its requests are strict that do not say it themselves. */
  readonly strict: boolean;
}

/** Whose generations a caller may see, cancel and delete. */
export interface Reach extends Tenant {
  /** Only those that were asked for with this key; null: all of the application. */
  readonly onlyKeyId: string | null;
}

/** A key's own work; all work of its application with the scope `admin`, and without a key. */
export function reachOf({ orgId, appId, keyId, scopes }: Principal): Reach {
  return { orgId, appId, onlyKeyId: keyId === undefined || scopes.has('admin') ? null : keyId };
}

/** Everything of a tenant: for what the engine itself, or an administrator, does. */
export function wholeOf({ orgId, appId }: Tenant): Reach {
  return { orgId, appId, onlyKeyId: null };
}

/** The seeded tenant of single-tenant mode. */
export const DEFAULT_TENANT: Tenant = {
  orgId: '00000000-0000-0000-0000-000000000001',
  appId: '00000000-0000-0000-0000-000000000002',
};

/** `*` stands for any run of characters. */
export function matchesGlob(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text;
  const parts = pattern.split('*');
  const [first = '', ...rest] = parts;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1 || found + part.length > text.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
