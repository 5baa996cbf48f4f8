// Builds the workspaces and then the gateway, and knows whether that is due.
//   node scripts/build.mjs [--if-stale]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './files.mjs';

const STAMP = join(ROOT, 'dist/.built');
const BINARIES = join(ROOT, 'node_modules/.bin');

/** The workspaces that have something to compile, as absolute folders: those of packages/ and then those of plugins/. */
export function workspaces() {
  return ['packages', 'plugins'].flatMap((group) =>
    readdirSync(join(ROOT, group))
      .map((name) => join(ROOT, group, name))
      .filter(
        (folder) =>
          existsSync(join(folder, 'tsconfig.json')) && existsSync(join(folder, 'src')) && readdirSync(join(folder, 'src')).length > 0,
      ),
  );
}

function isBuilt(folder) {
  const output = join(folder, 'dist');
  return existsSync(output) && readdirSync(output).length > 0;
}

/** True when a source, a removal of one, or a setting is younger than the last complete build. */
export function isStale() {
  if (!existsSync(STAMP)) return true;
  const folders = workspaces();
  if (!folders.every(isBuilt)) return true;
  const sources = [
    ...['src', 'migrations', 'tsconfig.json', 'tsconfig.base.json', 'package.json'].map((path) => join(ROOT, path)),
    ...folders.flatMap((folder) => ['src', 'simulator', 'tsconfig.json', 'package.json'].map((path) => join(folder, path))),
  ];
  const builtAt = statSync(STAMP).mtimeMs;
  return sources.some((path) => newestChange(path) > builtAt);
}

/** Milliseconds since 1970 of the youngest change under a path. A folder's own time tells of files that are gone. */
function newestChange(path) {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined || path.endsWith('.spec.ts')) return 0;
  if (!entry.isDirectory()) return entry.mtimeMs;
  return Math.max(entry.mtimeMs, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

/** Throws when a compiler fails. The stamp bears the time of the start, so that what is edited meanwhile counts as younger. */
export function build() {
  const startedAt = new Date();
  const folders = workspaces();
  for (const folder of folders) {
    // The compiler believes its notes of the last build even where the output is gone.
    if (!isBuilt(folder)) rmSync(join(folder, 'tsconfig.tsbuildinfo'), { force: true });
  }
  run('tsc', ['-b', ...folders]);
  // What a source left behind that is gone now would still be loaded.
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  run('tsc', ['-p', 'tsconfig.json']);
  execute(process.execPath, [join(ROOT, 'scripts/parse-models.mjs')]);
  execute(process.execPath, [join(ROOT, 'scripts/write-documentation.mjs')]);
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, '');
  utimesSync(STAMP, startedAt, startedAt);
}

export function buildIfStale() {
  if (isStale()) build();
}

/** A tool of node_modules. */
function run(tool, args) {
  execute(join(BINARIES, tool), args, { shell: process.platform === 'win32' });
}

/** Runs a program to its end; its output goes to stderr, since stdout may belong to the caller. */
function execute(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 2, 2], ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${basename(program)} ${args[0]} failed`);
}

if (realpathSync(process.argv[1] ?? ROOT) === fileURLToPath(import.meta.url)) {
  try {
    if (process.argv.includes('--if-stale')) buildIfStale();
    else build();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
