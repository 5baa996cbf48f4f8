import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { didYouMean } from '../../platform/common/index.js';
import { ConfigError } from '../../platform/config/index.js';
import { type CatalogFile, checkEntry, type RawEntry, type RawModel, readCatalogFile } from './catalog-file.js';
import type { Model } from './model.js';
import { type CatalogProblem, formatProblem } from './yaml-source.js';

/** A plugin's folder of capability YAML. */
export interface PluginModelDirectory {
  readonly providerId: string;
  readonly directory: string;
  /** The provider that the files name, when it is not `providerId`: a further instance of a plugin offers the same models under its own prefix. */
  readonly writtenFor?: string;
}

export interface CatalogSources {
  readonly plugins: readonly PluginModelDirectory[];
  /** The operator's folder. One that does not exist is empty. */
  readonly operatorDirectory?: string;
}

/** A plugin whose models were left out, and why. */
export interface CatalogRejection {
  readonly providerId: string;
  /** `file:line:column: path: message` */
  readonly problems: readonly string[];
}

export interface LoadedCatalog {
  /** Sorted by id. */
  readonly models: readonly Model[];
  /** File-level names and their model's id. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly rejections: readonly CatalogRejection[];
  /** `file:line:column: path: message` */
  readonly warnings: readonly string[];
}

interface Layer {
  readonly models: Map<string, Model>;
  readonly raw: Map<string, RawModel>;
  readonly aliases: Map<string, { target: string; problem: CatalogProblem }>;
  readonly problems: CatalogProblem[];
  readonly warnings: CatalogProblem[];
}

/**
 * Reads the plugins' layer, then the operator's over it.
 * @throws ConfigError with every problem of the operator's files. A plugin's problems only leave out that plugin's models.
 */
export async function loadCatalog({ plugins, operatorDirectory }: CatalogSources): Promise<LoadedCatalog> {
  const base = emptyLayer();
  const rejections: CatalogRejection[] = [];
  for (const plugin of plugins) {
    const layer = await readPlugin(plugin, base);
    if (layer.problems.length > 0) {
      rejections.push({ providerId: plugin.providerId, problems: layer.problems.map(formatProblem) });
      continue;
    }
    for (const [id, model] of layer.models) base.models.set(id, model);
    for (const [id, raw] of layer.raw) base.raw.set(id, raw);
    for (const [alias, target] of layer.aliases) if (!base.aliases.has(alias)) base.aliases.set(alias, target);
    base.warnings.push(...layer.warnings);
  }
  const operator =
    operatorDirectory === undefined ? emptyLayer() : checkLayer(await readDirectory(operatorDirectory), 'operator', base.raw);
  const models = new Map([...base.models, ...operator.models]);
  const aliases = new Map([...base.aliases, ...operator.aliases]);
  for (const [alias, { problem }] of operator.aliases) {
    if (models.has(alias)) operator.problems.push({ ...problem, message: 'is the id of a model' });
  }
  if (operator.problems.length > 0) throw new ConfigError(operator.problems.map(formatProblem));
  const warnings = [...base.warnings, ...operator.warnings].map(formatProblem);
  return {
    models: [...models.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    aliases: new Map([...aliases].map(([alias, { target }]) => [alias, target])),
    rejections,
    warnings: [...warnings, ...danglingNames(models, aliases)],
  };
}

function emptyLayer(): Layer {
  return { models: new Map(), raw: new Map(), aliases: new Map(), problems: [], warnings: [] };
}

async function readPlugin({ providerId, directory, writtenFor }: PluginModelDirectory, base: Layer): Promise<Layer> {
  const files = await readDirectory(directory);
  const renamed = writtenFor === undefined || writtenFor === providerId ? files : files.map((file) => rename(file, writtenFor, providerId));
  const layer = checkLayer(renamed, 'plugin', new Map());
  if (files.length === 0) {
    layer.problems.push({ file: directory, line: 1, column: 1, path: '', message: 'holds no capability files (*.yaml)' });
  }
  for (const entry of renamed.flatMap(({ entries }) => entries)) {
    if (entry.raw.provider !== providerId) {
      layer.problems.push(entry.source.problem([...entry.path, 'provider'], `must be ${providerId}, the plugin that ships this file`));
    } else if (base.models.has(entry.id)) {
      layer.problems.push(
        entry.source.problem([...entry.path, 'id'], `${entry.id} is already offered by ${base.models.get(entry.id)?.file}`),
      );
    }
  }
  for (const [alias, { problem }] of layer.aliases) {
    if (layer.models.has(alias)) layer.problems.push({ ...problem, message: 'is the id of a model' });
  }
  return layer;
}

/** The same files for a further instance of a plugin. Names of their own would collide with the first instance's. */
function rename(file: CatalogFile, from: string, to: string): CatalogFile {
  const move = (id: unknown) => (typeof id === 'string' && id.startsWith(`${from}/`) ? `${to}/${id.slice(from.length + 1)}` : id);
  const entries = file.entries.map((entry) => {
    const lifecycle = entry.raw.lifecycle as Readonly<Record<string, unknown>> | undefined;
    const raw = {
      ...entry.raw,
      id: move(entry.raw.id),
      provider: entry.raw.provider === from ? to : entry.raw.provider,
      ...(lifecycle?.successor === undefined ? {} : { lifecycle: { ...lifecycle, successor: move(lifecycle.successor) } }),
    };
    return { ...entry, id: String(raw.id), raw };
  });
  return { entries, aliases: [], problems: file.problems };
}

/** Every `*.yaml` and `*.yml` of a folder, in the order of names. A folder that does not exist holds none. */
async function readDirectory(directory: string): Promise<CatalogFile[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    return [{ entries: [], aliases: [], problems: [unreadable(directory, error)] }];
  }
  const files = names.filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).sort();
  return Promise.all(
    files.map(async (name) => {
      const file = join(directory, name);
      try {
        return readCatalogFile(file, await readFile(file, 'utf8'));
      } catch (error) {
        return { entries: [], aliases: [], problems: [unreadable(file, error)] };
      }
    }),
  );
}

function unreadable(file: string, error: unknown): CatalogProblem {
  return { file, line: 1, column: 1, path: '', message: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
}

function checkLayer(files: readonly CatalogFile[], name: Model['layer'], base: ReadonlyMap<string, RawModel>): Layer {
  const layer = emptyLayer();
  for (const file of files) layer.problems.push(...file.problems);
  const seen = new Map<string, RawEntry>();
  for (const entry of files.flatMap(({ entries }) => entries)) {
    const earlier = seen.get(entry.id);
    if (earlier !== undefined) {
      const { file, line } = earlier.source.problem([...earlier.path, 'id'], '');
      layer.problems.push(entry.source.problem([...entry.path, 'id'], `${entry.id} is already described at ${file}:${line}`));
      continue;
    }
    seen.set(entry.id, entry);
    const { model, problems, warnings } = checkEntry(entry, name, base.get(entry.id));
    layer.problems.push(...problems);
    layer.warnings.push(...warnings);
    if (model === undefined) continue;
    layer.models.set(model.id, model);
    layer.raw.set(model.id, { ...base.get(entry.id), ...entry.raw });
  }
  checkNames(files, seen, layer);
  return layer;
}

/** Within one layer a name means one thing: no alias twice, no model alias that another model of the same provider has. */
function checkNames(files: readonly CatalogFile[], entries: ReadonlyMap<string, RawEntry>, layer: Layer): void {
  for (const { alias, target, source } of files.flatMap(({ aliases }) => aliases)) {
    const problem = source.problem(['aliases', alias], 'is already the alias of another model');
    const earlier = layer.aliases.get(alias);
    if (earlier === undefined) layer.aliases.set(alias, { target, problem });
    else if (earlier.target !== target) layer.problems.push(problem);
  }
  const owners = new Map<string, string>();
  for (const model of layer.models.values()) {
    for (const [index, alias] of model.aliases.entries()) {
      const key = `${model.provider} ${alias}`;
      const owner = owners.get(key) ?? (layer.models.has(alias) ? alias : undefined);
      const entry = entries.get(model.id);
      if (owner !== undefined && owner !== model.id && entry !== undefined) {
        layer.problems.push(entry.source.problem([...entry.path, 'aliases', index], `${alias} already names ${owner}`));
      }
      owners.set(key, model.id);
    }
  }
}

/** Names that lead nowhere: harmless until somebody uses them, and possibly only because a plugin was left out. */
function danglingNames(models: ReadonlyMap<string, Model>, aliases: Layer['aliases']): string[] {
  const warnings: string[] = [];
  for (const [alias, { target, problem }] of aliases) {
    if (!models.has(target)) {
      warnings.push(formatProblem({ ...problem, message: `${alias}: there is no model ${target}${didYouMean(target, models.keys())}` }));
    }
  }
  for (const { id, file, lifecycle } of models.values()) {
    const successor = lifecycle?.successor;
    if (successor !== undefined && !models.has(successor)) {
      warnings.push(`${file}: ${id}: lifecycle.successor: there is no model ${successor}${didYouMean(successor, models.keys())}`);
    }
  }
  return warnings;
}
