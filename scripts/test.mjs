// `npm test`: builds when due, runs Vitest, and ends stdout with the line `tests: N passed, N failed`.
//   npm test -- [what `vitest run` takes]
//   TEST_PGBOUNCER=1 npm test: what uses a database, on Postgres alone and by way of a PgBouncer in transaction mode
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCLI, startVitest } from 'vitest/node';
import { buildIfStale } from './build.mjs';
import { filesOf, ROOT } from './files.mjs';

const DATABASE = /\b(databases|postgresDatabase)\(\)/;
/** These start servers of their own, or look at something else. */
const APART = /^test\/(chaos|hostile|tooling)\//;

function databaseSuites() {
  return filesOf(['src', 'test'], /\.spec\.ts$/).filter(
    (file) => !APART.test(file) && DATABASE.test(readFileSync(join(ROOT, file), 'utf8')),
  );
}

/** What cannot be counted as a test and yet went wrong: a file that did not load, a hook that threw, an unhandled rejection. */
function countResults(vitest) {
  const count = { passed: 0, failed: vitest.state.getUnhandledErrors().length, skipped: 0 };
  for (const module of vitest.state.getTestModules()) {
    let failedTests = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') count.passed += 1;
      else if (state === 'failed') failedTests += 1;
      else count.skipped += 1;
    }
    const brokenSuites = [...module.children.allSuites()].filter((suite) => suite.errors().length > 0).length;
    count.failed += failedTests + brokenSuites + (module.errors().length > 0 ? 1 : 0);
  }
  return count;
}

async function run() {
  buildIfStale();
  const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
  const isPooled = process.env.TEST_PGBOUNCER === '1' && filter.length === 0;
  const vitest = await startVitest('test', isPooled ? databaseSuites() : filter, options);
  try {
    return countResults(vitest);
  } finally {
    await vitest.close();
  }
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
