import { join } from 'node:path';
import type { JsonObject } from '@litegen/plugin-sdk';
import { Logger } from '@nestjs/common';
import type { Config } from '../../platform/config/index.js';
import type { MetricsService } from '../../platform/metrics/index.js';
import type { SecretRegistry } from '../../platform/security/index.js';
import { type CallInit, type CallServices, createCallContext, type HostCall } from './call/index.js';
import { toCatalogEntry, toRejectedEntry } from './catalog-entries.js';
import { createPluginLogger, PluginCalls, PluginFaults, type PluginTask, type StrayError } from './containment.js';
import { gatewayRoot } from './plugin-discovery.js';
import type { PluginRejection } from './plugin-manifest.js';
import type { LoadedProvider, ModelDirectory, ProviderCatalogEntry, RejectedPluginEntry } from './provider.types.js';
import { type Loaded, strictFailure } from './provider-loader.js';

export interface ProviderCallInit extends CallInit {
  /** Go along with every line that the plugin logs during this call, such as `generation_id`. */
  readonly logFields?: JsonObject;
}

export interface RegistryServices extends CallServices {
  readonly metrics: Pick<MetricsService, 'pluginFault' | 'pluginTakenOut'>;
  readonly secrets: SecretRegistry;
  readonly config: Pick<Config, 'plugins' | 'providers'>;
}

/** The vendors that this gateway can call, and the plugins that it could not use. */
export class ProviderRegistry {
  private readonly providers: Map<string, LoadedProvider>;
  private readonly rejected: PluginRejection[];
  private readonly logger = new Logger('plugins');
  private readonly faults: PluginFaults;
  private readonly calls: PluginCalls;
  private callableNow: { readonly changes: number; readonly providers: number; readonly ids: ReadonlySet<string> } | undefined;

  constructor(
    private readonly loaded: Loaded,
    private readonly services: RegistryServices,
  ) {
    const own = ['src', 'dist'].map((folder) => join(gatewayRoot(), folder));
    this.faults = new PluginFaults(loaded.packages, own, services);
    this.calls = new PluginCalls(this.faults, services.clock);
    this.providers = new Map(loaded.providers.map((provider) => [provider.providerId, provider]));
    this.rejected = [...loaded.rejections];
  }

  /** A provider that can be called: enabled, and with everything it needs. */
  get(providerId: string): LoadedProvider | undefined {
    const provider = this.providers.get(providerId);
    return provider?.configured === true ? provider : undefined;
  }

  /** Any provider, whether it can be called or not; `configured` and `missing` say so. */
  provider(providerId: string): LoadedProvider | undefined {
    return this.providers.get(providerId);
  }

  /** Why the plugin of a provider is out of use in this process; undefined when it is not. */
  takenOut(providerId: string): string | undefined {
    const provider = this.providers.get(providerId);
    return provider === undefined ? undefined : this.faults.takenOut(provider.pluginId);
  }

  /** Whether calls of this provider are made. */
  isUsable(providerId: string): boolean {
    return this.get(providerId) !== undefined && this.takenOut(providerId) === undefined;
  }

  /** The plugins that are out of use because of their faults, with the reasons. */
  pluginsTakenOut(): ReadonlyMap<string, string> {
    return this.faults.allTakenOut();
  }

  /** The only way into a plugin's code during a call. Ends with the call's signal, whatever the plugin does. @throws see {@link PluginCalls.run} */
  run<T>(provider: LoadedProvider, task: PluginTask<T>): Promise<T> {
    return this.calls.run(provider, task);
  }

  /** Takes an error that nobody caught, if it is a plugin's. False: it is not. */
  contain(error: unknown, kind: StrayError): boolean {
    return this.faults.contain(error, kind);
  }

  /** Every provider by its id in order, also those that lack a secret. */
  list(): readonly LoadedProvider[] {
    return [...this.providers.values()];
  }

  /** Ids of those that can be called, in the order of the configuration; those that it does not name come last, by id. */
  callable(): ReadonlySet<string> {
    const { changes } = this.faults;
    const known = this.callableNow;
    // It is asked for every request.
    if (known?.changes === changes && known.providers === this.providers.size) return known.ids;
    const named = Object.keys(this.services.config.providers);
    const ids = new Set([...named, ...this.providers.keys()].filter((id) => this.isUsable(id)));
    this.callableNow = { changes, providers: this.providers.size, ids };
    return ids;
  }

  rejections(): readonly PluginRejection[] {
    return this.rejected;
  }

  /** Where the plugins keep their capability YAML. */
  modelDirectories(): ModelDirectory[] {
    const used = new Set([...this.providers.values()].map(({ pluginId }) => pluginId));
    return this.loaded.packages.flatMap(({ manifest, modelsDirectory: directory, packageName, version }) =>
      directory === undefined || !used.has(manifest.id) ? [] : [{ pluginId: manifest.id, directory, packageName, version }],
    );
  }

  /**
   * Takes a plugin out of use because its capability YAML does not hold.
   * @throws ConfigError when `plugins.strict` is set.
   */
  rejectModels(pluginId: string, reason: string): void {
    const plugin = this.loaded.packages.find(({ manifest }) => manifest.id === pluginId);
    if (plugin === undefined) throw new Error(`there is no plugin ${pluginId}`);
    const { packageName, source, directory } = plugin;
    const rejection = { pluginId, packageName, source, directory, reason: this.services.secrets.redactText(reason) };
    this.logger.error(`The plugin ${pluginId} is not used: ${rejection.reason}`);
    if (this.services.config.plugins.strict) throw strictFailure([rejection]);
    this.rejected.push(rejection);
    for (const provider of this.loaded.providers) if (provider.pluginId === pluginId) this.providers.delete(provider.providerId);
  }

  /** The context of one call. @throws Error for a provider that {@link get} does not know. */
  createCall(providerId: string, init: ProviderCallInit): HostCall {
    const account = this.get(providerId) && this.loaded.accounts.get(providerId);
    if (account === undefined) throw new Error(`the provider ${providerId} is not configured`);
    return createCallContext(this.services, account, init, createPluginLogger(providerId, this.services.secrets, init.logFields));
  }

  /** The data of `GET /v1/providers`. */
  catalogEntries(): {
    readonly providers: (ProviderCatalogEntry & { readonly takenOut?: string })[];
    readonly rejected: RejectedPluginEntry[];
  } {
    const providers = this.list().map((provider) => {
      const takenOut = this.takenOut(provider.providerId);
      return { ...toCatalogEntry(provider), ...(takenOut === undefined ? {} : { takenOut }) };
    });
    return { providers, rejected: this.rejected.map(toRejectedEntry) };
  }
}
