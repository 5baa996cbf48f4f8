import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, resolve, sep } from 'node:path';
import { PLUGIN_KEYWORD, PLUGIN_SPEC, type PluginManifest } from '@litegen/plugin-sdk';
import { z } from 'zod';
import { isOriginEntry } from '../../platform/security/index.js';

/** Where a plugin was found: in the gateway's own `plugins/`, in a folder of `plugins.directories`, or among its npm dependencies. */
export type PluginSource = 'bundled' | 'directory' | 'dependency';

/** A package whose manifest holds; none of its code has run yet. */
export interface PluginPackage {
  readonly manifest: PluginManifest;
  readonly packageName: string;
  readonly version: string;
  readonly source: PluginSource;
  /** Absolute, without symbolic links, as are the paths below. */
  readonly directory: string;
  readonly entryPath: string;
  readonly modelsDirectory?: string;
}

/** A plugin that is not used, and why. The reason may be shown: it carries no secret. */
export interface PluginRejection {
  /** As far as it could be read. */
  readonly pluginId?: string;
  readonly packageName?: string;
  readonly source: PluginSource;
  readonly directory: string;
  readonly reason: string;
}

/** Why a plugin cannot be used, in words for the operator. */
export class PluginFault extends Error {
  constructor(
    message: string,
    readonly known: Pick<PluginRejection, 'pluginId' | 'packageName'> = {},
  ) {
    super(message);
    this.name = 'PluginFault';
  }
}

/** The `$api_base` entry of a manifest's egress: the origin of the operator's base URL. */
export const API_BASE_ENTRY = '$api_base';

/** Every public address, where outputs come from. */
export const PUBLIC = 'public';

const id = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and hyphens');
const variables = z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable'));
const egressEntry = z
  .string()
  .refine((entry) => entry === API_BASE_ENTRY || isOriginEntry(entry), 'expected an origin, such as https://api.example.com, or $api_base');

/** Unknown keys are let through: within one spec the contract only grows. */
const manifestSchema = z
  .object({
    spec: z.literal(PLUGIN_SPEC, `this gateway speaks version ${PLUGIN_SPEC} of the plugin contract`),
    id,
    entry: z.string().min(1),
    models: z.string().min(1).optional(),
    secrets: z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9]*$/), variables).optional(),
    optionalSecrets: z.array(z.string()).optional(),
    egress: z.array(egressEntry).optional(),
    transfers: z.union([z.literal(PUBLIC), z.array(egressEntry)], `expected "${PUBLIC}" or a list of origins`).optional(),
    apiBaseEnvironment: variables.optional(),
    displayName: z.string().min(1).optional(),
    pollsPerSecond: z.number().positive().optional(),
  })
  .refine(({ secrets, optionalSecrets }) => (optionalSecrets ?? []).every((name) => Object.hasOwn(secrets ?? {}, name)), {
    path: ['optionalSecrets'],
    message: 'names a secret that `secrets` does not have',
  });

const packageSchema = z.object({ name: z.string().min(1), version: z.string().default('0.0.0') });

function problemsOf(error: z.ZodError, prefix: string): string {
  return error.issues.map((issue) => `${[prefix, ...issue.path].filter((part) => part !== '').join('.')}: ${issue.message}`).join('; ');
}

/** A path of the manifest, which must lead to something inside the package, also when symbolic links are followed. */
async function inside(directory: string, key: string, relative: string, kind: 'file' | 'directory'): Promise<string> {
  let path: string;
  try {
    path = await realpath(resolve(directory, relative));
  } catch {
    throw new PluginFault(`litegen.${key}: there is no ${relative}${key === 'entry' ? '; is the plugin built?' : ''}`);
  }
  if (!path.startsWith(directory + sep)) throw new PluginFault(`litegen.${key}: ${relative} leads out of the package`);
  const found = await stat(path);
  if (kind === 'file' ? !found.isFile() : !found.isDirectory()) throw new PluginFault(`litegen.${key}: ${relative} is not a ${kind}`);
  return path;
}

async function readPackageJson(directory: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(resolve(directory, 'package.json'), 'utf8');
  } catch {
    throw new PluginFault('there is no package.json');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new PluginFault('package.json is not JSON');
  }
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/**
 * Reads a package without running any of its code.
 * @returns undefined when the package does not say that it is a plugin.
 * @throws PluginFault
 */
export async function readPluginPackage(directory: string, source: PluginSource): Promise<PluginPackage | undefined> {
  const json = record(await readPackageJson(directory));
  if (!Array.isArray(json['keywords']) || !json['keywords'].includes(PLUGIN_KEYWORD)) return undefined;
  const parsed = packageSchema.safeParse(json);
  if (!parsed.success) throw new PluginFault(`package.json: ${problemsOf(parsed.error, '')}`);
  const { name: packageName, version } = parsed.data;
  const litegen = record(json['litegen']);
  const known = { packageName, ...(typeof litegen['id'] === 'string' ? { pluginId: litegen['id'] } : {}) };
  const manifest = manifestSchema.safeParse(litegen);
  if (!manifest.success) throw new PluginFault(problemsOf(manifest.error, 'litegen'), known);
  try {
    const real = await realpath(directory);
    const { entry, models } = manifest.data;
    return {
      manifest: manifest.data,
      packageName,
      version,
      source,
      directory: real,
      entryPath: await inside(real, 'entry', entry, 'file'),
      ...(models === undefined ? {} : { modelsDirectory: await inside(real, 'models', models, 'directory') }),
    };
  } catch (error) {
    throw error instanceof PluginFault ? new PluginFault(error.message, known) : error;
  }
}

/** For lists that others may see: never a path of this machine. */
export function rejectionName(rejection: PluginRejection): string {
  return rejection.pluginId ?? rejection.packageName ?? basename(rejection.directory);
}
