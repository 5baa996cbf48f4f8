import { existsSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { JsonObject } from '../../json.js';
import { PLUGIN_KEYWORD, PLUGIN_SPEC } from '../../manifest.js';

const KNOWN_KEYS = [
  'spec',
  'id',
  'entry',
  'models',
  'secrets',
  'optionalSecrets',
  'egress',
  'transfers',
  'apiBaseEnvironment',
  'displayName',
  'pollsPerSecond',
];
const ENVIRONMENT_NAME = /^[A-Z][A-Z0-9_]*$/;
const WILDCARD = /^https:\/\/\*\.[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?$/;

function isListOf(test: (item: string) => boolean, value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && test(item));
}

function isEgress(entry: string): boolean {
  if (entry === '$api_base' || WILDCARD.test(entry)) return true;
  return /^https?:\/\/[^*]+$/.test(entry) && URL.canParse(entry) && new URL(entry).origin === entry;
}

function pathProblems(directory: string, key: string, value: unknown): string[] {
  if (typeof value !== 'string') return [`litegen.${key} is not a path`];
  const inside = relative(directory, resolve(directory, value));
  if (isAbsolute(value) || inside.startsWith('..')) return [`litegen.${key} leads out of the package`];
  return existsSync(join(directory, inside)) ? [] : [`litegen.${key} names ${value}, which does not exist`];
}

function secretProblems({ secrets, optionalSecrets }: JsonObject): string[] {
  const problems: string[] = [];
  const names = typeof secrets === 'object' && secrets !== null && !Array.isArray(secrets) ? secrets : {};
  if (secrets !== undefined && names !== secrets) problems.push('litegen.secrets is not an object');
  for (const [name, variables] of Object.entries(names)) {
    if (!isListOf((item) => ENVIRONMENT_NAME.test(item), variables))
      problems.push(`litegen.secrets.${name} is not a list of environment variables`);
  }
  if (optionalSecrets !== undefined && !isListOf((item) => Object.hasOwn(names, item), optionalSecrets)) {
    problems.push('litegen.optionalSecrets names something that is not in litegen.secrets');
  }
  return problems;
}

/** What is wrong with a plugin's package.json. */
export function manifestProblems(directory: string, packageJson: JsonObject): string[] {
  const problems: string[] = [];
  const manifest = packageJson.litegen;
  if (typeof packageJson.name !== 'string') problems.push('the package has no name');
  if (typeof packageJson.version !== 'string') problems.push('the package has no version');
  if (packageJson.type !== 'module') problems.push('the package is not "type": "module"');
  if (!isListOf(() => true, packageJson.keywords) || !(packageJson.keywords as string[]).includes(PLUGIN_KEYWORD)) {
    problems.push(`the keyword "${PLUGIN_KEYWORD}" is missing`);
  }
  if (typeof manifest !== 'object' || manifest === null || Array.isArray(manifest)) return [...problems, 'there is no "litegen" object'];
  for (const key of Object.keys(manifest)) if (!KNOWN_KEYS.includes(key)) problems.push(`litegen.${key} is not a key of the manifest`);
  if (manifest.spec !== PLUGIN_SPEC) problems.push(`litegen.spec is not ${PLUGIN_SPEC}`);
  if (typeof manifest.id !== 'string' || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(manifest.id)) {
    problems.push('litegen.id is not made of lower-case letters, digits and hyphens');
  }
  problems.push(...pathProblems(directory, 'entry', manifest.entry));
  if (manifest.models !== undefined) problems.push(...pathProblems(directory, 'models', manifest.models));
  problems.push(...secretProblems(manifest));
  if (manifest.egress !== undefined && !isListOf(isEgress, manifest.egress)) {
    problems.push('litegen.egress has an entry that is neither an origin, https://*.domain nor $api_base');
  }
  if (manifest.transfers !== undefined && manifest.transfers !== 'public' && !isListOf(isEgress, manifest.transfers)) {
    problems.push('litegen.transfers is neither "public" nor a list of origins, https://*.domain and $api_base');
  }
  if (manifest.apiBaseEnvironment !== undefined && !isListOf((item) => ENVIRONMENT_NAME.test(item), manifest.apiBaseEnvironment)) {
    problems.push('litegen.apiBaseEnvironment is not a list of environment variables');
  }
  if (manifest.pollsPerSecond !== undefined && !(typeof manifest.pollsPerSecond === 'number' && manifest.pollsPerSecond > 0)) {
    problems.push('litegen.pollsPerSecond is not a number above 0');
  }
  if (manifest.displayName !== undefined && typeof manifest.displayName !== 'string') problems.push('litegen.displayName is not a string');
  return problems;
}
