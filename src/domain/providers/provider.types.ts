import type { PluginInstance } from '@litegen/plugin-sdk';
import type { EgressPolicy } from '../../platform/security/index.js';
import type { Modality } from '../catalog/index.js';
import type { PluginPackage, PluginSource } from './plugin-manifest.js';

/** A plugin's instance under the name by which models refer to it. */
export interface LoadedProvider {
  readonly providerId: string;
  readonly pluginId: string;
  readonly displayName: string;
  readonly instance: PluginInstance;
  readonly modalities: readonly Modality[];
  /** The manifest's entries. */
  readonly egress: readonly string[];
  /** The names of the secrets that are set. */
  readonly secretsConfigured: readonly string[];
  readonly enabled: boolean;
  /** Whether it can be used: enabled, and nothing is missing. */
  readonly configured: boolean;
  /** Settings that are missing, as they are spelled under `providers.<id>`: `api_key`, `api_base`, `secrets.<name>`. */
  readonly missing: readonly string[];
  /** What an operator sets for each of them: a variable such as `FAL_KEY`, or a key of `litegen.yaml`. */
  readonly toSet: readonly string[];
  /** Where its calls may go. */
  readonly policy: EgressPolicy;
  /** Where its outputs come from: `public`, and origins. */
  readonly transfers: readonly string[];
  /** Where its outputs may be downloaded from. */
  readonly transferPolicy: EgressPolicy;
  readonly plugin: PluginPackage;
}

/** A folder with capability YAML of a plugin. */
export interface ModelDirectory {
  /** Also the provider id of the plugin's own models. */
  readonly pluginId: string;
  readonly directory: string;
  readonly packageName: string;
  readonly version: string;
}

/** A setting of a provider, as LiteGen's provider list describes it. */
export interface ProviderField {
  readonly key: string;
  readonly label: string;
  readonly secret: boolean;
  readonly optional: boolean;
}

/** LiteGen's description of a provider, and ours beside it. */
export interface ProviderCatalogEntry {
  readonly name: string;
  readonly modalities: readonly Modality[];
  readonly auth_scheme: 'api_key';
  readonly pool_field: 'api_keys';
  readonly fields: readonly ProviderField[];
  readonly display_name: string;
  readonly plugin: { readonly id: string; readonly package: string; readonly version: string; readonly source: PluginSource };
  readonly enabled: boolean;
  readonly configured: boolean;
  readonly missing: readonly string[];
  readonly toSet: readonly string[];
  readonly egress: readonly string[];
  readonly transfers: readonly string[];
}

export interface RejectedPluginEntry {
  readonly name: string;
  readonly package?: string;
  readonly source: PluginSource;
  readonly reason: string;
}
