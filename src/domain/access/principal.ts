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

/** Whether the key's allow-list covers a model. `*` stands for any run of characters. */
export function mayUseModel(principal: Pick<Principal, 'allowedModels'>, modelId: string): boolean {
  if (principal.allowedModels === undefined) return true;
  return principal.allowedModels.some((pattern) => matchesGlob(pattern, modelId));
}

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
