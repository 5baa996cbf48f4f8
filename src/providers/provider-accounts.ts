import type { JsonObject } from '@litegen/plugin-sdk';
import { ConfigError, firstVariable, type ProviderConfig } from '../config/index.js';
import { type EgressPolicy, OriginList } from '../security/index.js';
import type { CallAccount } from './call/index.js';
import { API_BASE_ENTRY, type PluginPackage } from './plugin-manifest.js';

/** One instance of a plugin as the operator set it up. */
export interface ProviderAccount extends CallAccount {
  readonly providerId: string;
  readonly enabled: boolean;
  /** What is missing before it can be used: secrets by the manifest's names, or `api_base`. */
  readonly missing: readonly string[];
}

/** `apiKey` → `api_key`. */
export function settingOf(secretName: string): string {
  return secretName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Whether the plugin can reach nothing at all unless the operator names an address. */
export function needsApiBase({ manifest }: Pick<PluginPackage, 'manifest'>): boolean {
  const egress = manifest.egress ?? [];
  return egress.length > 0 && egress.every((entry) => entry === API_BASE_ENTRY);
}

function configuredSecrets(entry: ProviderConfig | undefined): Record<string, string | undefined> {
  return { apiKey: entry?.api_key, keyId: entry?.key_id, keySecret: entry?.key_secret, ...entry?.secrets };
}

function findApiBase(
  plugin: PluginPackage,
  entry: ProviderConfig | undefined,
  isDefault: boolean,
  environment?: NodeJS.ProcessEnv,
): string | undefined {
  if (entry?.api_base !== undefined) return entry.api_base;
  const names = plugin.manifest.apiBaseEnvironment ?? [];
  const value = isDefault ? firstVariable(names, environment) : undefined;
  if (value === undefined) return undefined;
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    throw new ConfigError([`${names.join(' or ')} (environment): expected an http or https URL`]);
  }
  return value;
}

/**
 * Secrets, address and options of one instance. Vendors' own environment variables belong to the vendor's own address: an
 * instance under another name that is pointed elsewhere by `api_base` gets none of them.
 * @throws ConfigError
 */
export function resolveAccount(
  plugin: PluginPackage,
  providerId: string,
  entry: ProviderConfig | undefined,
  environment?: NodeJS.ProcessEnv,
): ProviderAccount {
  const { manifest } = plugin;
  const isDefault = providerId === manifest.id;
  const mayUseEnvironment = isDefault || entry?.api_base === undefined;
  const configured = configuredSecrets(entry);
  const secrets = new Map<string, string>();
  for (const [name, variables] of Object.entries(manifest.secrets ?? {})) {
    const value = configured[name] || (mayUseEnvironment ? firstVariable(variables, environment) : undefined);
    if (value !== undefined) secrets.set(name, value);
  }
  const required = Object.keys(manifest.secrets ?? {}).filter((name) => !manifest.optionalSecrets?.includes(name));
  const missing = required.filter((name) => !secrets.has(name));
  const apiBase = findApiBase(plugin, entry, isDefault, environment)?.replace(/\/+$/, '');
  if (needsApiBase(plugin) && apiBase === undefined) missing.push('api_base');
  const policy: EgressPolicy = {
    kind: 'vendor',
    declared: new OriginList((manifest.egress ?? []).filter((origin) => origin !== API_BASE_ENTRY)),
    trusted: new OriginList(apiBase === undefined ? [] : [new URL(apiBase).origin]),
  };
  const options: JsonObject = {
    ...(entry?.options as JsonObject | undefined),
    ...(entry?.region === undefined ? {} : { region: entry.region }),
  };
  return { providerId, enabled: entry?.enabled ?? true, missing, policy, secrets, options, ...(apiBase === undefined ? {} : { apiBase }) };
}

/** Settings that name a secret the plugin does not know, which are probably spelled wrong. */
export function unusedSecrets({ manifest }: PluginPackage, entry: ProviderConfig): string[] {
  const given = Object.entries(configuredSecrets(entry)).filter(([, value]) => value !== undefined && value !== '');
  return given.map(([name]) => name).filter((name) => !Object.hasOwn(manifest.secrets ?? {}, name));
}
