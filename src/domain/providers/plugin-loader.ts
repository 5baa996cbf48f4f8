import { pathToFileURL } from 'node:url';
import { PLUGIN_SPEC, type PluginInstance, type PluginSetup, type ProviderPlugin } from '@litegen/plugin-sdk';
import { insidePlugin } from './containment.js';
import { PluginFault, type PluginPackage } from './plugin-manifest.js';
import { provideSdk } from './sdk-resolution.js';

const LOAD_TIMEOUT_MS = 30_000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Imports a plugin's entry and checks what it exports. @throws PluginFault */
export async function importPlugin({ manifest, entryPath }: PluginPackage): Promise<ProviderPlugin> {
  provideSdk(entryPath);
  let exported: { readonly default?: unknown };
  try {
    const href = pathToFileURL(entryPath).href;
    const entry = insidePlugin(manifest.id, async () => import(/* @vite-ignore */ href) as Promise<{ readonly default?: unknown }>);
    exported = await withinTime(entry);
  } catch (error) {
    throw new PluginFault(`its entry cannot be imported: ${messageOf(error)}`);
  }
  const plugin = exported.default as Partial<ProviderPlugin> | null | undefined;
  if (typeof plugin !== 'object' || plugin === null || typeof plugin.create !== 'function') {
    throw new PluginFault('its entry has no default export made by defineProvider');
  }
  if (plugin.spec !== PLUGIN_SPEC) throw new PluginFault(`its code says spec ${String(plugin.spec)}, its manifest ${manifest.spec}`);
  if (plugin.id !== manifest.id) throw new PluginFault(`its code says id "${String(plugin.id)}", its manifest "${manifest.id}"`);
  return plugin as ProviderPlugin;
}

/** A plugin that waits for something while it is loaded keeps nobody else from starting. */
async function withinTime<T>(entry: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it is not loaded after ${LOAD_TIMEOUT_MS / 1000} s`)), LOAD_TIMEOUT_MS);
  });
  try {
    return await Promise.race([entry, late]);
  } finally {
    clearTimeout(timer);
  }
}

function isProvider(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { start?: unknown }).start === 'function';
}

/** Makes an instance and checks its shape. @throws PluginFault */
export function createInstance(plugin: ProviderPlugin, setup: PluginSetup): PluginInstance {
  let instance: PluginInstance;
  try {
    instance = insidePlugin(plugin.id, () => plugin.create(setup));
  } catch (error) {
    throw new PluginFault(`create failed for the provider "${setup.providerId}": ${messageOf(error)}`);
  }
  const { image, video } = (instance ?? {}) as PluginInstance;
  if (!isProvider(image) && !isProvider(video)) throw new PluginFault('create made neither an image nor a video provider');
  if ((image !== undefined && !isProvider(image)) || (video !== undefined && !isProvider(video))) {
    throw new PluginFault('create made a provider without a start function');
  }
  return instance;
}
