import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import type { Json, JsonObject } from '../../json.js';
import type { PluginManifest } from '../../manifest.js';
import type { ProviderPlugin } from '../../provider.js';
import type { Operation } from '../../request.js';
import { type ConformanceSetup, demand } from './setup.js';

/** One parameter of the capability YAML. */
export interface ParamSpec {
  readonly kind: string;
  readonly min?: number;
  readonly max?: number;
  readonly max_length?: number;
  readonly enum_values?: readonly string[];
  readonly allowed?: readonly string[];
  readonly mode?: string;
  readonly values?: readonly (readonly [number, number])[];
  readonly min_width?: number;
  readonly max_width?: number;
  readonly min_height?: number;
  readonly max_height?: number;
  readonly multiple_of?: number;
  readonly max_ratio?: number;
  readonly min_pixels?: number;
  readonly max_pixels?: number;
  readonly allow_auto?: boolean;
}

/** What the kit reads of a model's entry in the capability YAML. */
export interface ModelEntry {
  readonly id: string;
  readonly provider: string;
  readonly media_type: 'image' | 'video';
  readonly upstream?: JsonObject;
  readonly aliases?: readonly string[];
  readonly operations?: readonly Operation[];
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly prompt?: { readonly required?: boolean; readonly min_length?: number; readonly max_length?: number };
  readonly params?: Readonly<Record<string, ParamSpec>>;
  readonly ref_inputs?: {
    readonly max_total?: number;
    readonly roles?: Readonly<Record<string, { readonly min_count?: number; readonly max_count?: number }>>;
  } | null;
  readonly extra_allowlist?: readonly string[];
  readonly streaming?: { readonly partial_images_max?: number };
  readonly webhooks?: boolean;
  readonly lifecycle?: { readonly sunset?: string };
}

/** A parsed capability file. */
export interface ModelFile {
  readonly path: string;
  readonly content: { readonly models?: readonly ModelEntry[] } & Readonly<Record<string, Json>>;
}

/** A parsed file of published prices. */
export interface PriceFile {
  readonly path: string;
  readonly content: {
    readonly prices?: readonly {
      readonly models?: readonly string[];
      readonly published?: string;
      readonly unpublished?: string;
      readonly source?: string;
      readonly checked?: string;
      readonly cases?: readonly { readonly operation?: Operation }[];
    }[];
  };
}

export function packageDirectory(setup: ConformanceSetup): string {
  return setup.packageDirectory instanceof URL ? fileURLToPath(setup.packageDirectory) : resolve(setup.packageDirectory);
}

export function readPackage(setup: ConformanceSetup): JsonObject {
  const path = join(packageDirectory(setup), 'package.json');
  demand(existsSync(path), `there is no ${path}`);
  return JSON.parse(readFileSync(path, 'utf8')) as JsonObject;
}

export function readManifest(setup: ConformanceSetup): PluginManifest {
  const manifest = readPackage(setup).litegen;
  demand(typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest), 'package.json has no "litegen" object');
  return manifest as unknown as PluginManifest;
}

export function entryUrl(setup: ConformanceSetup): string {
  return pathToFileURL(resolve(packageDirectory(setup), readManifest(setup).entry)).href;
}

export function readModelFiles(setup: ConformanceSetup): ModelFile[] {
  const directory = modelsDirectory(setup);
  if (directory === undefined) return [];
  demand(existsSync(directory), `the models folder ${directory} does not exist`);
  return readYaml<ModelFile['content']>(directory);
}

/** Undefined: the plugin has none. */
export function readPriceFiles(setup: ConformanceSetup): PriceFile[] | undefined {
  const directory = join(modelsDirectory(setup) ?? '', 'prices');
  return existsSync(directory) ? readYaml<PriceFile['content']>(directory) : undefined;
}

function modelsDirectory(setup: ConformanceSetup): string | undefined {
  const folder = setup.modelsDirectory ?? readManifest(setup).models;
  return folder === undefined ? undefined : resolve(packageDirectory(setup), folder);
}

function readYaml<Content>(directory: string): { path: string; content: Content }[] {
  return readdirSync(directory)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => ({ path: name, content: parse(readFileSync(join(directory, name), 'utf8')) as Content }));
}

export function readModels(setup: ConformanceSetup): ModelEntry[] {
  return readModelFiles(setup).flatMap((file) => file.content.models ?? []);
}

/** Of such a model the gateway knows the name alone; the plugin never gets a request for it. */
export function isSwitchedOff({ lifecycle }: ModelEntry): boolean {
  return lifecycle?.sunset !== undefined && Date.parse(lifecycle.sunset) <= Date.now();
}

export function operationsOf(model: ModelEntry): Operation[] {
  if (model.operations !== undefined) return [...model.operations];
  if (model.media_type === 'video') return ['video.generate'];
  const can = model.capabilities ?? {};
  const operations: Operation[] = [];
  if (can.text_to_image === true) operations.push('image.generate');
  if (can.image_to_image === true || can.inpainting === true) operations.push('image.edit');
  return operations;
}

/** The plugin's default export, not yet trusted to have the right shape. */
export async function importPlugin(setup: ConformanceSetup): Promise<ProviderPlugin> {
  if (setup.plugin !== undefined) return setup.plugin;
  const loaded = (await import(/* @vite-ignore */ entryUrl(setup))) as { default?: ProviderPlugin };
  demand(typeof loaded.default === 'object' && loaded.default !== null, 'the entry has no default export that is an object');
  return loaded.default;
}
