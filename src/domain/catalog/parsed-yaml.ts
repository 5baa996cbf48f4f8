import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Written beside this file by the build: the values of the YAML files that plugins ship, by {@link textName}. */
const FILE = new URL('./parsed-yaml.json', import.meta.url);

let known: Readonly<Record<string, unknown>> | undefined;

/** Whoever changes a file changes its name here, so that nothing can be out of date. */
export function textName(text: string): string {
  return hash('sha256', text);
}

/**
 * What a file says, when it is one that the build has parsed: parsing all of them takes longer than most of a start. Undefined for every
 * other file, and where nothing was built.
 */
export function parsedYaml(text: string): unknown {
  known ??= load();
  return known[textName(text)];
}

function load(): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
}
