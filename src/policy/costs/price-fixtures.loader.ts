import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatProblem, type PluginModelDirectory, YamlSource } from '../../domain/catalog/index.js';
import { type PriceStatement, priceFixturesSchema } from './price-fixtures.schema.js';

export interface LoadedPriceFixtures {
  readonly statements: readonly PriceStatement[];
  /** `file:line:column: path: message` */
  readonly problems: readonly string[];
}

/** Reads the published prices beside the models of each folder. A folder without any holds none. */
export async function loadPriceFixtures(directories: readonly PluginModelDirectory[]): Promise<LoadedPriceFixtures> {
  const loaded = await Promise.all(directories.map(readDirectory));
  return { statements: loaded.flatMap(({ statements }) => statements), problems: loaded.flatMap(({ problems }) => problems) };
}

async function readDirectory({ providerId, directory, writtenFor = providerId }: PluginModelDirectory): Promise<LoadedPriceFixtures> {
  const folder = join(directory, 'prices');
  const statements: PriceStatement[] = [];
  const problems: string[] = [];
  for (const name of await yamlFilesOf(folder)) {
    const file = join(folder, name);
    const source = new YamlSource(file, await readFile(file, 'utf8'));
    const parsed = source.problems.length > 0 ? undefined : priceFixturesSchema.safeParse(source.value ?? {});
    if (parsed?.success === true) statements.push(...parsed.data.prices.map((statement) => renamed(statement, writtenFor, providerId)));
    else problems.push(...[...source.problems, ...source.schemaProblems(parsed?.error.issues ?? [], [])].map(formatProblem));
  }
  return { statements, problems };
}

async function yamlFilesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A further instance of a plugin offers the same models under its own prefix, at the same prices. */
function renamed(statement: PriceStatement, from: string, to: string): PriceStatement {
  if (from === to) return statement;
  return { ...statement, models: statement.models.map((id) => (id.startsWith(`${from}/`) ? `${to}/${id.slice(from.length + 1)}` : id)) };
}
