// Parses the YAML files that plugins ship, so that not every start of the gateway has to. Part of the build.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { ROOT } from './files.mjs';

const PLUGINS = join(ROOT, 'plugins');
const CATALOG = join(ROOT, 'dist/src/domain/catalog');

async function parseModels() {
  const target = join(CATALOG, 'parsed-yaml.json');
  // Or the old values would be found instead of the new ones.
  rmSync(target, { force: true });
  const { YamlSource } = await import(pathToFileURL(join(CATALOG, 'yaml-source.js')).href);
  const { textName } = await import(pathToFileURL(join(CATALOG, 'parsed-yaml.js')).href);
  const values = {};
  for (const file of readdirSync(PLUGINS).flatMap(yamlFiles)) {
    const text = readFileSync(file, 'utf8');
    const { value, problems } = new YamlSource(file, text);
    // What JSON cannot say, and what is wrong, is left to the start.
    if (problems.length === 0 && isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value)) values[textName(text)] = value;
  }
  writeFileSync(target, JSON.stringify(values));
}

function yamlFiles(plugin) {
  const models = join(PLUGINS, plugin, 'models');
  try {
    return readdirSync(models, { recursive: true }).flatMap((name) => (/\.ya?ml$/.test(name) ? [join(models, name)] : []));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

await parseModels();
