import { sep } from 'node:path';
import { type PluginPackage, type PluginRejection, rejectionName } from './plugin-manifest.js';
import type { LoadedProvider, ProviderCatalogEntry, ProviderField, RejectedPluginEntry } from './provider.types.js';
import { needsApiBase, settingOf } from './provider-accounts.js';

/** `api_key` → `API key`. */
function labelOf(key: string): string {
  const words = key
    .split('_')
    .join(' ')
    .replace(/\bapi\b/, 'API')
    .replace(/\bid\b/, 'ID')
    .replace(/\burl\b/, 'URL');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function fieldsOf(plugin: PluginPackage): ProviderField[] {
  const { secrets = {}, optionalSecrets = [], apiBaseEnvironment } = plugin.manifest;
  const fields = Object.keys(secrets).map((name) => {
    const key = settingOf(name);
    return { key, label: labelOf(key), secret: true, optional: optionalSecrets.includes(name) };
  });
  const takesApiBase = needsApiBase(plugin) || apiBaseEnvironment !== undefined;
  if (!takesApiBase) return fields;
  return [...fields, { key: 'api_base', label: 'Base URL', secret: false, optional: !needsApiBase(plugin) }];
}

export function toCatalogEntry(provider: LoadedProvider): ProviderCatalogEntry {
  const { plugin } = provider;
  return {
    name: provider.providerId,
    modalities: provider.modalities,
    auth_scheme: 'api_key',
    pool_field: 'api_keys',
    fields: fieldsOf(plugin),
    display_name: provider.displayName,
    plugin: { id: plugin.manifest.id, package: plugin.packageName, version: plugin.version, source: plugin.source },
    enabled: provider.enabled,
    configured: provider.configured,
    missing: provider.missing,
    toSet: provider.toSet,
    egress: provider.egress,
    transfers: provider.transfers,
  };
}

/** The log names files by their whole paths; callers get to see those inside the package only. */
export function toRejectedEntry(rejection: PluginRejection): RejectedPluginEntry {
  const { packageName, source, directory } = rejection;
  const reason = rejection.reason.replaceAll(`file://${directory}${sep}`, '').replaceAll(directory + sep, '');
  return { name: rejectionName(rejection), ...(packageName === undefined ? {} : { package: packageName }), source, reason };
}
