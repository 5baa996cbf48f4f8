import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { didYouMean } from '../common/index.js';
import { type ExpandedTree, expandTree } from './placeholders.js';
import { proxyProblems } from './proxies.js';
import { type Config, configSchema, DEFAULT_MODELS_DIRECTORY } from './schema.js';
import { SECRET_SETTINGS, unusableSecrets, withoutCredentials } from './secrets.js';
import { expectedAt, isSection, keysAt, listSettings } from './settings.js';
import { databaseUrlProblem, redisUrlProblem } from './urls.js';

type Tree = { [key: string]: unknown };

/** What the file says, with the variables that it names replaced. */
type FileContent = Pick<ExpandedTree, 'written' | 'named'> & { readonly tree: Tree };

/** A start-up failure that names the key, what is wrong with it and what would be accepted. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Variables that are not spelled `LITEGEN__…`, and the key each one sets. */
export const NAMED_VARIABLES: Readonly<Record<string, string>> = {
  LITEGEN_MASTER_KEY: 'master_key',
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

/** Variables with our prefix that something other than the settings reads: this file, and clients. */
const RESERVED_VARIABLES = new Set(['LITEGEN_CONFIG', 'LITEGEN_API_KEY', 'LITEGEN_BASE_URL', 'LITEGEN_KEY']);

/** What Kubernetes sets in every container for a Service whose name begins with `litegen`. */
const SERVICE_LINK = /^LITEGEN_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

function isServiceLink(name: string, text: string): boolean {
  return SERVICE_LINK.test(name) || (/^LITEGEN_(\w+_)?PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(text));
}

/**
 * Sets what a `.env` in the working directory says, where the environment does not say otherwise.
 * @returns the file, if there is one
 * @throws ConfigError when it cannot be read
 */
export function readEnvironmentFile(environment: NodeJS.ProcessEnv = process.env, workingDirectory = process.cwd()): string | undefined {
  const file = join(workingDirectory, '.env');
  if (!existsSync(file)) return undefined;
  let variables: NodeJS.Dict<string>;
  try {
    variables = parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError([`${file}: cannot be read: ${(error as Error).message}`]);
  }
  for (const [name, text] of Object.entries(variables)) environment[name] ??= text;
  return file;
}

function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  let node = tree;
  for (const key of path.slice(0, -1)) {
    const next = node[key];
    node = node[key] = typeof next === 'object' && next !== null && !Array.isArray(next) ? (next as Tree) : {};
  }
  const last = path.at(-1);
  if (last !== undefined) node[last] = value;
}

/** @throws ConfigError also for a placeholder that has no value */
function readFile(path: string, environment: NodeJS.ProcessEnv): FileContent {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${path}: cannot be read: ${(error as Error).message}`]);
  }
  const document = parseDocument(text, { schema: 'core', prettyErrors: true });
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map((error) => `${path}: ${error.message.split('\n')[0]?.replace(/:$/, '')}`));
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 20 });
  } catch (error) {
    throw new ConfigError([`${path}: ${(error as Error).message}`]);
  }
  if (value === null || value === undefined) return nothing();
  if (typeof value !== 'object' || Array.isArray(value)) throw new ConfigError([`${path}: expected a mapping of settings at the top`]);
  // After parsing, so that nothing that a variable holds can be read as YAML.
  const { tree, problems, written, named } = expandTree(value, environment);
  if (problems.length > 0) throw new ConfigError(problems);
  return { tree: tree as Tree, written, named };
}

function nothing(): FileContent {
  return { tree: {}, written: new Map(), named: new Set() };
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

/** @param named variables that the file takes, which need be no settings */
function applyEnvironment(tree: Tree, environment: NodeJS.ProcessEnv, named: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  for (const [name, key] of Object.entries(NAMED_VARIABLES)) {
    const text = environment[name]?.trim();
    if (text) setPath(tree, key.split('.'), parseVariable(text));
  }
  for (const [name, held] of Object.entries(environment)) {
    if (held === undefined || !name.startsWith('LITEGEN_') || name in NAMED_VARIABLES || RESERVED_VARIABLES.has(name)) continue;
    const text = held.trim();
    if (!name.startsWith('LITEGEN__')) {
      if (named.has(name) || isServiceLink(name, text)) continue;
      problems.push(`${name} (environment): no such variable${meant(name)}; settings are spelled LITEGEN__SECTION__KEY`);
      continue;
    }
    const path = name.slice('LITEGEN__'.length).toLowerCase().split('__');
    // As compose files pass on what is not set. LiteGen's own suites switch the mock on with an empty key.
    if (text === '' && path[0] !== 'providers') continue;
    // A shell takes no hyphens in a name.
    if ((path[0] === 'providers' || path[0] === 'applications') && path[1] !== undefined) path[1] = path[1].replaceAll('_', '-');
    setPath(tree, path, parseVariable(text));
  }
  return problems;
}

/** `LITEGEN_PORT` → server.port */
function meant(name: string): string {
  const words = name.slice('LITEGEN_'.length).toLowerCase();
  const found = listSettings().filter(({ path }) => `.${path}`.replaceAll('.', '_').endsWith(`_${words}`));
  return found.length === 1 ? ` (did you mean LITEGEN__${found[0]?.path.toUpperCase().replaceAll('.', '__')}?)` : '';
}

function describe(issue: z.core.$ZodIssue, tree: Tree, written: ExpandedTree['written']): string[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${path === '' ? key : `${path}.${key}`}: no such key${didYouMean(key, keysAt(issue.path))}`);
  }
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => `${path}: ${message}`);
  let value: unknown = tree;
  for (const key of issue.path) value = typeof value === 'object' ? (value as Tree | null)?.[key as string] : undefined;
  const template = written.get(path);
  // What a variable holds may be secret wherever it stands.
  const held = template === undefined ? JSON.stringify(value) : `what ${template} gives`;
  const secret = /key|secret|password|token/i.test(path) || path === 'database_url' || path === 'redis.url';
  const shown = value === undefined || secret ? '' : ` (it is ${withoutCredentials(held)})`;
  const isOurs = issue.code === 'custom' || (issue.code === 'invalid_format' && issue.format === 'regex');
  return [`${path}: ${isOurs ? issue.message : `expected ${expectedAt(issue.path)}`}${shown}`];
}

/** A bucket that somebody took the trouble to name is meant to be used. */
function chooseBackend({ storage }: Tree): void {
  if (typeof storage !== 'object' || storage === null || !('s3' in storage)) return;
  const section = storage as Tree;
  section['backend'] ??= 's3';
}

/** A section whose every line is commented out says nothing. */
function dropEmptySections(node: Tree, path: readonly string[] = []): void {
  for (const [key, value] of Object.entries(node)) {
    const own = [...path, key];
    if (value === null && isSection(own)) delete node[key];
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) dropEmptySections(value as Tree, own);
  }
}

/** A secret often comes with the newline that ends its file. */
function trimSecrets(node: Tree, isSecret = false): void {
  for (const [key, value] of Object.entries(node)) {
    if (typeof value === 'string') {
      if (isSecret || SECRET_SETTINGS.has(key) || key === 'database_url' || key === 'url') node[key] = value.trim();
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) trimSecrets(value as Tree, key === 'secrets');
  }
}

/** What no schema sees. */
function furtherProblems(config: Config, workingDirectory: string): string[] {
  const databaseUrl = databaseUrlProblem(config.database_url);
  const redisUrl = config.redis.url === undefined ? undefined : redisUrlProblem(config.redis.url);
  const models = resolve(workingDirectory, config.models_directory);
  // The default need not exist; what somebody took the trouble to name is meant to be there.
  const isMissing = config.models_directory !== DEFAULT_MODELS_DIRECTORY && config.models_directory !== '' && !existsSync(models);
  return [
    ...(databaseUrl === undefined ? [] : [`database_url: ${databaseUrl}`]),
    ...(redisUrl === undefined ? [] : [`redis.url: ${redisUrl}`]),
    ...(isMissing ? [`models_directory: there is no folder ${models}`] : []),
    ...unusableSecrets(config),
  ];
}

/** The file of settings, which need not be there unless somebody names it. @throws ConfigError */
function findFile(environment: NodeJS.ProcessEnv, workingDirectory: string, { configFile }: Overrides): string | undefined {
  const named = configFile ?? (environment['LITEGEN_CONFIG'] || undefined);
  if (named !== undefined) {
    const file = resolve(workingDirectory, named);
    if (existsSync(file)) return file;
    throw new ConfigError([`${configFile === undefined ? 'LITEGEN_CONFIG (environment)' : '--config'}: there is no file ${file}`]);
  }
  const found = FILES.map((name) => join(workingDirectory, name)).filter((path) => existsSync(path));
  if (found.length > 1) throw new ConfigError([`there are both ${found.join(' and ')}; keep one, or name it with LITEGEN_CONFIG`]);
  return found[0];
}

const FILES = ['litegen.yaml', 'litegen.yml'];

/** What the environment says of how logs are written. Undefined: nothing. */
export function wantsJsonLogs(environment: NodeJS.ProcessEnv = process.env): boolean | undefined {
  const text = environment['LITEGEN__OBSERVABILITY__JSON_LOGS']?.trim().toLowerCase();
  return text ? text === 'true' || text === '1' : undefined;
}

/** What a command line says, over everything else. */
export interface Overrides {
  readonly configFile?: string;
  /** By path, such as `server.port`; texts as in the environment. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read, if any. */
  readonly file?: string;
}

/**
 * Defaults, then the file (`LITEGEN_CONFIG`, else `litegen.yaml` in the working directory), then the environment, then the command line.
 * @throws ConfigError naming every wrong or unknown key.
 */
export function loadConfig(
  environment: NodeJS.ProcessEnv = process.env,
  workingDirectory = process.cwd(),
  overrides: Overrides = {},
): LoadedConfig {
  const file = findFile(environment, workingDirectory, overrides);
  const { tree, written, named: taken } = file === undefined ? nothing() : readFile(file, environment);
  const problems = [...applyEnvironment(tree, environment, taken), ...proxyProblems(environment)];
  for (const [path, text] of Object.entries(overrides.settings ?? {})) setPath(tree, path.split('.'), text.trim());
  dropEmptySections(tree);
  trimSecrets(tree);
  chooseBackend(tree);
  const result = configSchema.safeParse(tree);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => describe(issue, tree, written)));
  else problems.push(...furtherProblems(result.data, workingDirectory));
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  return { config: result.data, ...(file === undefined ? {} : { file }) };
}
