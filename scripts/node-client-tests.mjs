// Drives the built gateway with clients written for Node: the majors that every Node of ours runs, which are the root's own packages,
// and the newer ones of test/clients/node-22. Ends stdout with `tests: N passed, N failed`, and fails when the table in
// docs/use/clients.md is not what came of it.
//   node scripts/node-client-tests.mjs [--write]
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { startVitest } from 'vitest/node';
import { buildIfStale } from './build.mjs';
import { settleTable } from './client-table.mjs';
import { ROOT } from './files.mjs';

const NEWER = join(ROOT, 'test/clients/node-22');

/** These ask for Node 22 or newer and run on older ones all the same: npm's warning about that is not for us. */
function installNewer() {
  const changedAt = (path) => statSync(join(NEWER, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (changedAt('node_modules/.package-lock.json') >= changedAt('package-lock.json')) return;
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-progress', '--loglevel=error'], {
    cwd: NEWER,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm ci failed in ${NEWER}.`);
}

/** A test that says which client's which call it tries is a row of the table. */
function rowOf(test) {
  const { client } = test.meta();
  return client === undefined ? undefined : { ...client, result: test.result().state === 'passed' ? 'works' : 'fails' };
}

/** What the suites come to; `alias` says which packages stand for which. */
async function run(alias) {
  const vitest = await startVitest('test', ['test/clients'], { watch: false }, { resolve: { alias } });
  try {
    const modules = vitest.state.getTestModules().sort((one, other) => (one.moduleId < other.moduleId ? -1 : 1));
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const isBroken = tests.length === 0 || vitest.state.getUnhandledErrors().length > 0 || modules.some((module) => !module.ok());
    return { passed, failed: Math.max(tests.length - passed, isBroken ? 1 : 0), rows: tests.flatMap((test) => rowOf(test) ?? []) };
  } finally {
    await vitest.close();
  }
}

async function main() {
  buildIfStale();
  installNewer();
  const newer = Object.keys(JSON.parse(readFileSync(join(NEWER, 'package.json'), 'utf8')).dependencies);
  const alias = newer.map((name) => ({ find: new RegExp(`^${name}(?=$|/)`), replacement: join(NEWER, 'node_modules', name) }));
  const runs = [await run([]), await run(alias)];
  const sum = (field) => runs.reduce((total, each) => total + each[field], 0);
  // What has no newer major is tried twice and stands there once.
  const rows = runs.flatMap((each) => each.rows);
  const stale = settleTable('node-client-tests.mjs', rows) ? 0 : 1;
  return { passed: sum('passed'), failed: sum('failed') + stale };
}

const count = await main().catch((error) => {
  console.error(error);
  return { passed: 0, failed: 1 };
});
const line = `tests: ${count.passed} passed, ${count.failed} failed\n`;
process.stdout.write(line, () => process.exit(count.failed === 0 ? 0 : 1));
