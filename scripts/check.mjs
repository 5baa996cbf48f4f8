// `npm run check`: everything that can be said of the sources without running the tests. Goes through all steps, then lists what failed.
//   npm run check [-- step …]
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ROOT } from './files.mjs';

const OPENAPI = 'docs/openapi.json';
const FOLDERS = ['src', 'migrations', 'packages', 'plugins', 'test', 'bench'].filter((folder) => existsSync(join(ROOT, folder)));
const STEPS = [
  // First and alone: later steps read what it makes.
  { name: 'build', command: ['node', 'scripts/build.mjs', '--if-stale'], alone: true },
  { name: 'types', command: ['tsc', '-p', 'tsconfig.check.json'] },
  { name: 'lint-types', command: ['eslint', '--max-warnings', '0'] },
  { name: 'lint', command: ['biome', 'check', '--error-on-warnings'] },
  { name: 'source', command: ['node', 'scripts/check-source.mjs'] },
  {
    name: 'boundaries',
    command: ['depcruise', '--config', '.dependency-cruiser.cjs', ...FOLDERS],
  },
  { name: 'generated', command: ['node', 'scripts/check-generated.mjs'], needs: 'build' },
  { name: 'api-report', command: ['node', 'scripts/api-report.mjs'], needs: 'build' },
  { name: 'openapi', command: ['redocly', 'lint', OPENAPI], when: () => existsSync(join(ROOT, OPENAPI)) },
  // The scaffolder and the gateway hold manifests of others, which publint takes for mistakes.
  ...['packages/plugin-sdk', ...readdirSync(join(ROOT, 'plugins')).map((name) => `plugins/${name}`)].map((folder) => ({
    name: 'package',
    command: ['publint', 'run', folder, '--strict'],
    needs: 'build',
  })),
];
const CONCURRENCY = 2;

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`No step ${unknown.join(', ')}. Steps: ${[...new Set(STEPS.map((step) => step.name))].join(', ')}`);
  process.exit(1);
}
const queue = STEPS.filter((step) => (chosen.length === 0 || chosen.includes(step.name)) && (step.when?.() ?? true));
const failed = [];

function run({ name, command: [tool, ...args] }) {
  const startedAt = performance.now();
  return new Promise((done) => {
    const child = spawn(tool, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
      env: {
        ...process.env,
        PATH: [join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter),
        REDOCLY_TELEMETRY: 'off',
        REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', (error) => (output += `${error.message}\n`));
    child.on('close', (code) => {
      const isGood = code === 0;
      if (!isGood) failed.push(name);
      console.log(`${isGood ? '✓' : '✗'} ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
      if (!isGood) console.log(output.trimEnd());
      done();
    });
  });
}

async function work() {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    if (step.needs !== undefined && failed.includes(step.needs)) {
      failed.push(step.name);
      console.log(`✗ ${step.name}: ${step.needs} failed`);
    } else {
      await run(step);
    }
  }
}

if (queue[0]?.alone) await run(queue.shift());
await Promise.all(Array.from({ length: CONCURRENCY }, work));
if (failed.length > 0) {
  console.log(`\nFailed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
