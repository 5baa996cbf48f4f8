import { Logger } from '@nestjs/common';
import { type Config, ConfigError } from '../../platform/config/index.js';
import type { SecretRegistry } from '../../platform/security/index.js';
import { MODALITY_NAMES } from '../catalog/index.js';
import { createPluginLogger } from './containment.js';
import { discoverPlugins } from './plugin-discovery.js';
import { createInstance, importPlugin } from './plugin-loader.js';
import { PluginFault, type PluginPackage, type PluginRejection, rejectionName } from './plugin-manifest.js';
import type { LoadedProvider } from './provider.types.js';
import { missingSetting, type ProviderAccount, resolveAccount, unusedSecrets } from './provider-accounts.js';

export interface LoadOptions {
  readonly config: Pick<Config, 'plugins' | 'providers'>;
  readonly secrets: SecretRegistry;
  /** The folder whose `plugins/` and dependencies are searched. */
  readonly root: string;
  /** Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv;
}

export interface Loaded {
  readonly packages: readonly PluginPackage[];
  readonly providers: readonly LoadedProvider[];
  /** By provider id; kept apart from {@link LoadedProvider}, which anybody may print. */
  readonly accounts: ReadonlyMap<string, ProviderAccount>;
  readonly rejections: readonly PluginRejection[];
}

const logger = new Logger('plugins');

/** The instances that a plugin is to have: its own, and each entry of `providers` that names it. @throws ConfigError */
function accountsOf(plugin: PluginPackage, { config, environment }: LoadOptions): ProviderAccount[] {
  const { id } = plugin.manifest;
  const named = Object.entries(config.providers).filter(([providerId, entry]) => (entry.plugin ?? providerId) === id);
  for (const [providerId, entry] of named) {
    for (const name of unusedSecrets(plugin, entry)) logger.warn(`providers.${providerId}: the plugin ${id} has no secret "${name}"`);
  }
  const ids = new Set([
    ...(config.providers[id]?.plugin === undefined || config.providers[id]?.plugin === id ? [id] : []),
    ...named.map(([key]) => key),
  ]);
  return [...ids].map((providerId) => resolveAccount(plugin, providerId, config.providers[providerId], environment));
}

function checkEntries({ config }: LoadOptions, packages: readonly PluginPackage[], rejections: readonly PluginRejection[]): void {
  const available = packages.map(({ manifest }) => manifest.id);
  const unusable = new Set([...rejections.map(rejectionName), ...config.plugins.disabled]);
  const problems: string[] = [];
  for (const [providerId, entry] of Object.entries(config.providers)) {
    const plugin = entry.plugin ?? providerId;
    if (available.includes(plugin) || !entry.enabled) continue;
    if (unusable.has(plugin)) logger.warn(`providers.${providerId}: its plugin ${plugin} is rejected or disabled, so it cannot be used`);
    else problems.push(`providers.${providerId}: there is no plugin "${plugin}"; there are ${[...available].sort().join(', ') || 'none'}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

function toProvider(plugin: PluginPackage, account: ProviderAccount, instance: LoadedProvider['instance']): LoadedProvider {
  const { manifest } = plugin;
  const { providerId, enabled } = account;
  return {
    providerId,
    pluginId: manifest.id,
    displayName: providerId === manifest.id ? (manifest.displayName ?? manifest.id) : providerId,
    instance,
    modalities: MODALITY_NAMES.filter((modality) => instance[modality] !== undefined),
    egress: manifest.egress ?? [],
    secretsConfigured: [...account.secrets.keys()],
    enabled,
    configured: enabled && account.missing.length === 0,
    missing: account.missing.map(missingSetting),
    toSet: account.toSet,
    policy: account.policy,
    transfers: account.transfers,
    transferPolicy: account.transferPolicy,
    plugin,
  };
}

/**
 * Finds the plugins, runs those whose manifest holds, and makes their instances. A bad plugin is rejected alone.
 * @throws ConfigError for an entry of `providers` without a plugin, and for any rejection when `plugins.strict` is set.
 */
export async function loadProviders(options: LoadOptions): Promise<Loaded> {
  const { config, secrets, root } = options;
  const discovery = await discoverPlugins(root, config.plugins.directories);
  const enabled = discovery.packages.filter(({ manifest }) => !config.plugins.disabled.includes(manifest.id));
  const rejections: PluginRejection[] = discovery.rejections.filter(
    (rejection) => !config.plugins.disabled.includes(rejectionName(rejection)),
  );
  const packages: PluginPackage[] = [];
  const providers: LoadedProvider[] = [];
  // Known before any code of a plugin runs, so that no message of one can show them.
  const plans = enabled.map((plugin) => ({ plugin, accounts: accountsOf(plugin, options) }));
  for (const { accounts } of plans) for (const account of accounts) secrets.add(...account.secrets.values());

  const load = async ({ plugin, accounts }: (typeof plans)[number]): Promise<void> => {
    const { packageName, source, directory, manifest } = plugin;
    try {
      const code = await importPlugin(plugin);
      const made = accounts.map((account) => {
        const { providerId, options: own } = account;
        return toProvider(
          plugin,
          account,
          createInstance(code, { providerId, options: own, logger: createPluginLogger(providerId, secrets) }),
        );
      });
      packages.push(plugin);
      providers.push(...made);
    } catch (error) {
      if (!(error instanceof PluginFault)) throw error;
      rejections.push({ pluginId: manifest.id, packageName, source, directory, reason: secrets.redactText(error.message) });
    }
  };
  await Promise.all(plans.map(load));
  for (const rejection of rejections) logger.error(`The plugin ${rejectionName(rejection)} is not used: ${rejection.reason}`);
  if (config.plugins.strict && rejections.length > 0) throw strictFailure(rejections);
  checkEntries(options, packages, rejections);
  providers.sort((left, right) => left.providerId.localeCompare(right.providerId));
  const accounts = new Map(plans.flatMap((plan) => plan.accounts.map((account) => [account.providerId, account])));
  return { packages, providers, accounts, rejections };
}

/** With `plugins.strict`, a rejected plugin is a refused start. */
export function strictFailure(rejections: readonly PluginRejection[]): ConfigError {
  return new ConfigError(rejections.map((rejection) => `plugins.strict: ${rejectionName(rejection)}: ${rejection.reason}`));
}
