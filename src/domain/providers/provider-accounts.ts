import type { JsonObject } from '@litegen/plugin-sdk';
import { ConfigError, firstVariable, type ProviderConfig, secretProblem } from '../../platform/config/index.js';
import { type EgressPolicy, isOriginEntry, OriginList } from '../../platform/security/index.js';
import type { CallAccount } from './call/index.js';
import { API_BASE_ENTRY, type PluginPackage, PUBLIC } from './plugin-manifest.js';

/** One instance of a plugin as the operator set it up. */
export interface ProviderAccount extends CallAccount {
  readonly providerId: string;
  readonly enabled: boolean;
  /** What is missing before it can be used: secrets by the manifest's names, or `api_base`. */
  readonly missing: readonly string[];
  /** What an operator sets for each of them: a variable such as `FAL_KEY`, or a key of `litegen.yaml`. */
  readonly toSet: readonly string[];
  /** Where its outputs come from: `public`, and origins. */
  readonly transfers: readonly string[];
  /** Where its outputs may be downloaded from. */
  readonly transferPolicy: EgressPolicy;
}

/** `apiKey` → `api_key`. */
export function settingOf(secretName: string): string {
  return secretName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const API_BASE = 'api_base';

/** `apiKey` is set by `providers.<id>.api_key`; a name beyond the usual ones by `providers.<id>.secrets.<name>`. */
export function missingSetting(name: string): string {
  if (name === API_BASE) return name;
  return ['apiKey', 'keyId', 'keySecret'].includes(name) ? settingOf(name) : `secrets.${name}`;
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
 * What the operator says goes before what the plugin says, and may be private because the operator named it.
 * @throws ConfigError
 */
function transfersOf(
  { manifest }: PluginPackage,
  providerId: string,
  entry: ProviderConfig | undefined,
  apiBase: string | undefined,
): Pick<ProviderAccount, 'transfers' | 'transferPolicy'> {
  const own = entry?.egress;
  const unusable = own?.find((origin) => origin !== PUBLIC && !isOriginEntry(origin));
  if (unusable !== undefined) {
    const expected = `expected "${PUBLIC}" or an origin, such as https://cdn.example.com or https://*.example.com`;
    throw new ConfigError([`providers.${providerId}.egress: "${unusable}": ${expected}`]);
  }
  const transfers = own ?? [manifest.transfers ?? manifest.egress ?? []].flat();
  const origins = transfers.filter((origin) => origin !== PUBLIC && origin !== API_BASE_ENTRY);
  return {
    transfers,
    transferPolicy: {
      kind: 'vendor',
      declared: new OriginList(own === undefined ? origins : []),
      trusted: new OriginList([...(apiBase === undefined ? [] : [new URL(apiBase).origin]), ...(own === undefined ? [] : origins)]),
      anyPublic: transfers.includes(PUBLIC),
    },
  };
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
    const problem = value === undefined ? undefined : secretProblem(value);
    if (problem !== undefined)
      throw new ConfigError([`providers.${providerId}.${settingOf(name)} (${variables.join(' or ')}): ${problem}`]);
    if (value !== undefined) secrets.set(name, value);
  }
  const required = Object.keys(manifest.secrets ?? {}).filter((name) => !manifest.optionalSecrets?.includes(name));
  const missing = required.filter((name) => !secrets.has(name));
  const apiBase = findApiBase(plugin, entry, isDefault, environment)?.replace(/\/+$/, '');
  if (needsApiBase(plugin) && apiBase === undefined) missing.push(API_BASE);
  const policy: EgressPolicy = {
    kind: 'vendor',
    declared: new OriginList((manifest.egress ?? []).filter((origin) => origin !== API_BASE_ENTRY)),
    trusted: new OriginList(apiBase === undefined ? [] : [new URL(apiBase).origin]),
  };
  const options: JsonObject = {
    ...(entry?.options as JsonObject | undefined),
    ...(entry?.region === undefined ? {} : { region: entry.region }),
  };
  return {
    providerId,
    enabled: entry?.enabled ?? true,
    missing,
    toSet: missing.map((name) => {
      const variables =
        name === API_BASE ? (isDefault ? manifest.apiBaseEnvironment : []) : mayUseEnvironment ? manifest.secrets?.[name] : [];
      return variables?.[0] ?? `providers.${providerId}.${missingSetting(name)}`;
    }),
    policy,
    ...transfersOf(plugin, providerId, entry, apiBase),
    secrets,
    options,
    ...(apiBase === undefined ? {} : { apiBase }),
  };
}

/** Settings that name a secret the plugin does not know, which are probably spelled wrong. */
export function unusedSecrets({ manifest }: PluginPackage, entry: ProviderConfig): string[] {
  const given = Object.entries(configuredSecrets(entry)).filter(([, value]) => value !== undefined && value !== '');
  return given.map(([name]) => name).filter((name) => !Object.hasOwn(manifest.secrets ?? {}, name));
}
