// `npm test`: builds when due, runs Vitest, and ends stdout with the line `tests: N passed, N failed`.
//   npm test -- [what `vitest run` takes]
//   npm run test:more: what takes some minutes more: chaos, the plugins' conformance kits, the hostile corpus, upgrades and the browser
//   TEST_PGBOUNCER=1 npm test: what uses a database, on Postgres alone and by way of a PgBouncer in transaction mode
//   TEST_RERUN=1 npm test: files with a failure are run once more at the end, alone; what passes then is listed as flaky
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseCLI, startVitest } from 'vitest/node';
import { buildIfStale } from './build.mjs';
import { filesOf, ROOT } from './files.mjs';

const DATABASE = /\b(databases|postgresDatabase)\(\)/;
/** These start servers of their own, or look at something else. */
const APART = /^test\/(chaos|hostile|tooling)\//;

const isPooled = process.env.TEST_PGBOUNCER === '1';

/** Parts of paths, as Vitest takes them. */
const MORE = ['test/browser/', 'test/chaos/', 'test/hostile/', 'test/upgrade/', '/test/conformance.spec'];

function databaseSuites() {
  return filesOf(['src', 'test'], /\.spec\.ts$/).filter(
    (file) => !APART.test(file) && DATABASE.test(readFileSync(join(ROOT, file), 'utf8')),
  );
}

/** What is named is run; else all but what takes long, or that alone. */
function argumentsOfVitest() {
  const given = process.argv.slice(2);
  if (given.includes('--more')) return [...given.filter((argument) => argument !== '--more'), ...MORE];
  return given.length > 0 || isPooled ? given : MORE.map((part) => `--exclude=**/*${part}**`);
}

/** Failures as `file > test`. What is no test and yet went wrong counts too: a file that did not load, a hook that threw, an unhandled rejection. */
function resultsOf(vitest) {
  const results = { passed: 0, skipped: 0, failures: [] };
  for (const module of vitest.state.getTestModules()) {
    const file = relative(ROOT, module.moduleId);
    const fail = (what) => results.failures.push({ file, what });
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') results.passed += 1;
      else if (state === 'failed') fail(test.fullName);
      else results.skipped += 1;
    }
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) fail(suite.fullName);
    if (module.errors().length > 0) fail('the file itself');
  }
  for (const { message, VITEST_TEST_PATH: path } of vitest.state.getUnhandledErrors()) {
    results.failures.push({ file: path === undefined ? undefined : relative(ROOT, path), what: `unhandled: ${message}` });
  }
  return results;
}

async function runOnce(filter, options) {
  const vitest = await startVitest('test', filter, options);
  try {
    return resultsOf(vitest);
  } finally {
    await vitest.close();
  }
}

const list = (title, failures) => {
  if (failures.length > 0) console.log([title, ...failures.map(({ file, what }) => `  ${file ?? 'no file'} > ${what}`), ''].join('\n'));
};

async function run() {
  buildIfStale();
  const { filter, options } = parseCLI(['vitest', 'run', ...argumentsOfVitest()]);
  const first = await runOnce(isPooled && filter.length === 0 ? databaseSuites() : filter, options);
  list('failed:', first.failures);
  const files = [...new Set(first.failures.map(({ file }) => file))];
  if (process.env.TEST_RERUN !== '1' || files.length === 0 || files.includes(undefined)) return { ...first, failed: first.failures.length };
  // Alone, so that what only fails on a busy machine is told from what fails.
  process.exitCode = undefined;
  const second = await runOnce(files, { ...options, fileParallelism: false });
  list('failed again:', second.failures);
  const stillFails = new Set(second.failures.map(({ file, what }) => `${file} > ${what}`));
  const flaky = first.failures.filter(({ file, what }) => !stillFails.has(`${file} > ${what}`));
  list('flaky, passed when run again alone:', flaky);
  const recovered = flaky.filter(({ what }) => !what.startsWith('unhandled: ')).length;
  return { passed: first.passed + recovered, failed: second.failures.length, skipped: first.skipped };
}

let count;
try {
  count = await run();
} catch (error) {
  console.error(error);
  count = { passed: 0, failed: 1, skipped: 0 };
}
// A run that ended badly, or found nothing to run, must not look like success.
if (count.failed === 0 && (count.passed === 0 || process.exitCode)) count.failed = 1;
const line = `tests: ${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}\n`;
process.stdout.write(line, () => process.exit(count.failed === 0 ? 0 : 1));
