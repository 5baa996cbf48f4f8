// Drives the built gateway with clients written in Python, each set of packages in an environment of its own. Ends stdout with
// `tests: N passed, N failed`, and fails when the table in docs/use/clients.md is not what came of it.
//   node scripts/python-tests.mjs [--write]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildIfStale } from './build.mjs';
import { settleTable } from './client-table.mjs';
import { ROOT } from './files.mjs';

const FOLDER = join(ROOT, 'test/python');
const KEY = 'a-master-key-for-python';
const START_MS = 60_000;

/** The client that an environment is for, by the name of its requirements. */
const clientOf = (name) => name.replace(/-\d+$/, '');

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'inherit', 'inherit'], ...options }).status === 0;
}

/** The environment's Python; made anew when its requirements changed. */
function environment(name) {
  const requirements = join(FOLDER, 'requirements', `${name}.txt`);
  const directory = join(FOLDER, '.venv', name);
  const python = join(directory, 'bin/python');
  const stamp = join(directory, 'requirements.sha256');
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return python;
  rmSync(directory, { recursive: true, force: true });
  const made = run('python3', ['-m', 'venv', directory]) && run(python, ['-m', 'pip', 'install', '-q', '-r', requirements]);
  if (!made) throw new Error(`The packages of ${requirements} could not be installed.`);
  writeFileSync(stamp, digest);
  return python;
}

/** Some clients know OpenAI's names of models alone. */
async function startOpenAi() {
  const { startOpenAiSimulator } = await import('litegen-provider-openai/simulator');
  return startOpenAiSimulator();
}

/** The built gateway in a process of its own. */
async function startGateway(directory, openai) {
  const child = spawn(process.execPath, [join(ROOT, 'dist/src/app/main.js')], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      LITEGEN__SERVER__PORT: '0',
      LITEGEN__SERVER__DRAIN_DELAY_SECONDS: '0',
      LITEGEN__MASTER_KEY: KEY,
      LITEGEN__PROVIDERS__OPENAI__API_KEY: openai.apiKey,
      LITEGEN__PROVIDERS__OPENAI__API_BASE: openai.apiBase,
    },
  });
  let output = '';
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`The gateway did not start:\n${output}`)), START_MS);
    const read = (chunk) => {
      output += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (found !== undefined) {
        clearTimeout(timer);
        resolve(found);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => reject(new Error(`The gateway ended:\n${output}`)));
  });
  return { url, stop: () => new Promise((resolve) => child.once('exit', resolve) && child.kill('SIGTERM')) };
}

/** Not {@link spawnSync}: what the gateway writes must be read meanwhile. */
function pytest(python, name, url, results) {
  return new Promise((resolve) => {
    const suite = join(FOLDER, `test_${clientOf(name).replaceAll('-', '_')}.py`);
    const child = spawn(python, ['-m', 'pytest', '-q', '--disable-warnings', '-p', 'no:cacheprovider', suite], {
      cwd: FOLDER,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        PATH: process.env.PATH,
        PYTHONDONTWRITEBYTECODE: '1',
        LITEGEN_URL: url,
        LITEGEN_KEY: KEY,
        LITEGEN_CLIENT: clientOf(name),
        LITEGEN_RESULTS: results,
      },
    });
    child.once('exit', resolve);
  });
}

async function main() {
  const count = { passed: 0, failed: 0 };
  const rows = [];
  buildIfStale();
  mkdirSync(join(FOLDER, '.venv'), { recursive: true });
  const names = readdirSync(join(FOLDER, 'requirements')).map((file) => file.replace(/\.txt$/, ''));
  const directory = mkdtempSync(join(tmpdir(), 'litegen-python-'));
  const openai = await startOpenAi();
  const gateway = await startGateway(directory, openai);
  try {
    for (const name of names.sort()) {
      const results = join(directory, `${name}.json`);
      await pytest(environment(name), name, gateway.url, results);
      const told = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : { passed: 0, failed: 1, rows: [] };
      count.passed += told.passed;
      // A suite without a test has failed.
      count.failed += told.passed + told.failed === 0 ? 1 : told.failed;
      rows.push(...told.rows);
    }
  } finally {
    await gateway.stop();
    await openai.close();
    rmSync(directory, { recursive: true, force: true });
  }
  if (!settleTable('python-tests.mjs', rows)) count.failed += 1;
  return count;
}

const count = await main().catch((error) => {
  console.error(error);
  return { passed: 0, failed: 1 };
});
console.log(`tests: ${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed === 0 ? 0 : 1;
