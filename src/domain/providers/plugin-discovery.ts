import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PluginFault, type PluginPackage, type PluginRejection, type PluginSource, readPluginPackage } from './plugin-manifest.js';

interface Candidate {
  readonly directory: string;
  readonly source: PluginSource;
}

export interface Discovery {
  /** At most one per id. */
  readonly packages: readonly PluginPackage[];
  readonly rejections: readonly PluginRejection[];
}

/** The folder of the gateway's own package.json, whether this runs from the source or from a build. */
export function gatewayRoot(): string {
  for (let directory = dirname(fileURLToPath(import.meta.url)); ; directory = dirname(directory)) {
    const file = join(directory, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }).name === 'litegen') return directory;
    if (dirname(directory) === directory) throw new Error('the gateway runs outside of its package');
  }
}

async function subfolders(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const folders: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(directory, entry.name);
    // Mounts are often made of symbolic links.
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isDirectory())) folders.push(path);
  }
  return folders.sort();
}

async function bundled(root: string): Promise<Candidate[]> {
  const directory = join(root, 'plugins');
  if (!existsSync(directory)) return [];
  const folders = await subfolders(directory);
  return folders.filter((folder) => existsSync(join(folder, 'package.json'))).map((folder) => ({ directory: folder, source: 'bundled' }));
}

async function mounted(directory: string, rejections: PluginRejection[]): Promise<Candidate[]> {
  const path = resolve(directory);
  if (existsSync(join(path, 'package.json'))) return [{ directory: path, source: 'directory' }];
  try {
    return (await subfolders(path)).map((folder) => ({ directory: folder, source: 'directory' }));
  } catch {
    rejections.push({ source: 'directory', directory: path, reason: 'plugins.directories: the folder cannot be read' });
    return [];
  }
}

function installedAt(root: string, name: string): string | undefined {
  for (let directory = root; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(directory) === directory) return undefined;
  }
}

async function dependencies(root: string): Promise<Candidate[]> {
  const file = join(root, 'package.json');
  if (!existsSync(file)) return [];
  const json = JSON.parse(await readFile(file, 'utf8')) as Record<string, Record<string, string> | undefined>;
  const names = Object.keys({ ...json['dependencies'], ...json['optionalDependencies'] });
  return names
    .map((name) => installedAt(root, name))
    .flatMap((directory) => (directory === undefined ? [] : [{ directory, source: 'dependency' }]));
}

/** Finds every plugin and reads its manifest; runs none of its code. What is not a plugin is passed over, except in a plugins folder. */
export async function discoverPlugins(root: string, directories: readonly string[]): Promise<Discovery> {
  const rejections: PluginRejection[] = [];
  const mounts = (await Promise.all(directories.map((directory) => mounted(directory, rejections)))).flat();
  const candidates = [...(await bundled(root)), ...mounts, ...(await dependencies(root))];
  const packages = new Map<string, PluginPackage>();
  const seen = new Set<string>();
  for (const { directory, source } of candidates) {
    const real = await realpath(directory).catch(() => directory);
    if (seen.has(real)) continue;
    seen.add(real);
    try {
      const found = await readPluginPackage(directory, source);
      if (found === undefined) {
        if (source === 'directory') throw new PluginFault('package.json has no keyword "litegen-plugin"');
        continue;
      }
      const { packageName, manifest } = found;
      const first = packages.get(manifest.id);
      if (first !== undefined) throw new PluginFault(`the id is taken by ${first.packageName}`, { packageName, pluginId: manifest.id });
      packages.set(manifest.id, found);
    } catch (error) {
      if (!(error instanceof PluginFault)) throw error;
      rejections.push({ ...error.known, source, directory, reason: error.message });
    }
  }
  return { packages: [...packages.values()], rejections };
}
