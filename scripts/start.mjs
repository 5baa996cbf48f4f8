// `npm start`: from a fresh clone to a running gateway. Installs and builds only when that is due.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './files.mjs';

const MAIN = join(ROOT, 'dist/src/app/main.js');

function requireNode() {
  const range = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).engines.node;
  const [major, minor] = range.replace('>=', '').split('.').map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  fail(`LiteGen needs Node ${range}; this is ${process.version} (${process.execPath}). https://nodejs.org has newer ones.`);
}

function installWhenDue() {
  const changedAt = (path) => statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs;
  const installedAt = changedAt('node_modules/.package-lock.json');
  if (installedAt !== undefined && installedAt >= (changedAt('package-lock.json') ?? 0)) return;
  console.error('Installing dependencies with npm ci, which takes a few minutes the first time.');
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--no-progress'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) fail('npm ci failed; its own message is above.');
}

async function buildWhenDue() {
  const { build, isStale } = await import('./build.mjs');
  if (!isStale()) return;
  console.error('Building the gateway.');
  try {
    build();
  } catch (error) {
    fail(error.message);
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

requireNode();
installWhenDue();
await buildWhenDue();
// The gateway takes over this very process: signals, exit code and terminal are its own.
process.argv[1] = MAIN;
await import(pathToFileURL(MAIN).href);
