import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { type Config, configSchema } from './schema.js';

type Tree = { [key: string]: unknown };

/** A start-up failure that names the key, what is wrong with it and what would be accepted. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Variables of LiteGen's brief that are not spelled `LITEGEN__…`, and the key each one sets. */
export const NAMED_VARIABLES: Readonly<Record<string, string>> = {
  LITEGEN_MODELS_DIR: 'models_directory',
  LITEGEN_CORS_ORIGINS: 'cors.allowed_origins',
  LITEGEN_PLUGINS_DIR: 'plugins.directories',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'otlp_endpoint',
  LITEGEN_S3_BUCKET: 'storage.s3.bucket_name',
  LITEGEN_S3_REGION: 'storage.s3.region',
  LITEGEN_S3_ENDPOINT_URL: 'storage.s3.endpoint_url',
  LITEGEN_S3_ACCESS_KEY_ID: 'storage.s3.access_key_id',
  LITEGEN_S3_SECRET_ACCESS_KEY: 'storage.s3.secret_access_key',
};

/** Variables with our prefix that something other than the settings reads. */
const RESERVED_VARIABLES = new Set(['LITEGEN_CONFIG']);

function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  let node = tree;
  for (const key of path.slice(0, -1)) {
    const next = node[key];
    node = node[key] = typeof next === 'object' && next !== null && !Array.isArray(next) ? (next as Tree) : {};
  }
  const last = path.at(-1);
  if (last !== undefined) node[last] = value;
}

function readFile(path: string): Tree {
  const document = parseDocument(readFileSync(path, 'utf8'), { schema: 'core', prettyErrors: true });
  if (document.errors.length > 0) throw new ConfigError(document.errors.map((error) => `${path}: ${error.message}`));
  const value: unknown = document.toJS({ maxAliasCount: 20 });
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new ConfigError([`${path}: expected a mapping of settings at the top`]);
  return value as Tree;
}

/** JSON for lists and objects, the text itself for the rest; the schema coerces numbers and flags. */
function parseVariable(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function applyEnvironment(tree: Tree, environment: NodeJS.ProcessEnv): string[] {
  const problems: string[] = [];
  for (const [name, key] of Object.entries(NAMED_VARIABLES)) {
    const text = environment[name];
    if (text !== undefined && text !== '') setPath(tree, key.split('.'), parseVariable(text));
  }
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith('LITEGEN_') || name in NAMED_VARIABLES || RESERVED_VARIABLES.has(name)) continue;
    if (!name.startsWith('LITEGEN__')) {
      problems.push(`${name} (environment): no such variable; settings are spelled LITEGEN__SECTION__KEY`);
      continue;
    }
    const path = name.slice('LITEGEN__'.length).toLowerCase().split('__');
    if (path[0] === 'providers' && path[1] !== undefined) path[1] = path[1].replaceAll('_', '-');
    // LiteGen's own suites switch the mock on with an empty key.
    setPath(tree, path, parseVariable(text));
  }
  return problems;
}

function describe(issue: z.core.$ZodIssue, tree: Tree): string[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${path === '' ? key : `${path}.${key}`}: no such key`);
  }
  let value: unknown = tree;
  for (const key of issue.path) value = (value as Tree | undefined)?.[key as string];
  const secret = /key|secret|password|token/i.test(path) || path === 'database_url';
  const shown = value === undefined || secret ? '' : ` (it is ${JSON.stringify(value)})`;
  return [`${path}: ${issue.message}${shown}`];
}

/** A bucket that somebody took the trouble to name is meant to be used. */
function chooseBackend({ storage }: Tree): void {
  if (typeof storage !== 'object' || storage === null || !('s3' in storage)) return;
  const section = storage as Tree;
  section['backend'] ??= 's3';
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read, if any. */
  readonly file?: string;
}

/**
 * Defaults, then the file (`LITEGEN_CONFIG`, else `litegen.yaml` in the working directory), then the environment.
 * @throws ConfigError naming every wrong or unknown key.
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env, workingDirectory = process.cwd()): LoadedConfig {
  const named = environment['LITEGEN_CONFIG'];
  const file = resolve(workingDirectory, named ?? 'litegen.yaml');
  if (named !== undefined && !existsSync(file)) throw new ConfigError([`LITEGEN_CONFIG (environment): there is no file ${file}`]);
  const found = existsSync(file);
  const tree = found ? readFile(file) : {};
  const problems = applyEnvironment(tree, environment);
  chooseBackend(tree);
  const result = configSchema.safeParse(tree);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => describe(issue, tree)));
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  return { config: result.data, ...(found ? { file } : {}) };
}
