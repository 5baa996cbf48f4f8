// The published figures: every process for itself, ratios within one run.
//   npm run bench                              all scenarios, about nine minutes
//   npm run bench -- --quick                   all scenarios, about three minutes
//   npm run bench -- overhead-small start      only these
//   npm run bench -- --profile overhead-small  with CPU profiles of the gateways, and what is at their top
//   npm run bench -- --postgres jobs           on a throw-away Postgres, or on that of BENCH_DATABASE_URL
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../scripts/files.mjs';
import { DURABLE, PostgresDatabases, SqliteFiles } from './lib/database.mjs';
import { startGateway } from './lib/gateway.mjs';
import { summarizeProfiles } from './lib/profile.mjs';

const SCENARIOS = [
  'overhead-small',
  'cache-hit',
  'big-b64',
  'uploads',
  'waiting',
  'start',
  'jobs',
  'watching',
  'webhooks',
  'tracing',
  'prices',
];
const RESULTS = join(ROOT, 'bench/results');

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      postgres: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.filter((name) => !SCENARIOS.includes(name));
  if (unknown.length > 0) throw new Error(`no scenario ${unknown.join(', ')}; there are ${SCENARIOS.join(', ')}`);
  return { ...values, names: positionals.length === 0 ? SCENARIOS : positionals };
}

function machine(database, isQuick) {
  return {
    date: new Date().toISOString(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    database,
    isQuick,
  };
}

async function runOne(name, options) {
  const scenario = await import(`./scenarios/${name}.mjs`);
  console.log(`\n\n## ${scenario.title}\n`);
  try {
    const { text, verdicts, figures, durability = options.durability } = await scenario.run(options);
    console.log([...text, durability].join('\n\n'));
    return { verdicts: verdicts.map(({ text: _text, ...rest }) => rest), figures, durability };
  } catch (error) {
    console.error(`${name} could not be measured: ${error.stack}`);
    return { error: error.message };
  }
}

function write(results) {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${results.machine.date.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  return file;
}

async function main() {
  if (!existsSync('/proc/self/status')) throw new Error('The benchmark reads /proc and so needs Linux.');
  const { quick: isQuick, postgres, profile, names } = readArguments();
  const databaseUrl = process.env.BENCH_DATABASE_URL;
  const openPostgres = () => PostgresDatabases.open(databaseUrl, DURABLE);
  const databases = postgres || databaseUrl !== undefined ? await openPostgres() : new SqliteFiles();
  try {
    const durability = await databases.durability();
    const results = { machine: machine(durability, isQuick), scenarios: {} };
    const { date, node, platform, cores, memoryGb, database } = results.machine;
    console.log(`${cores} cores, ${memoryGb} GB, ${platform}, Node ${node}, ${database}, ${date}${isQuick ? ', quick' : ''}`);
    for (const name of names) {
      const profiles = join(RESULTS, `profile-${name}`);
      const nodeOptions = profile ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : [];
      const start = (options) => startGateway({ databases, nodeOptions, ...options });
      rmSync(profiles, { recursive: true, force: true });
      results.scenarios[name] = await runOne(name, { start, isQuick, databases, openPostgres, durability });
      if (profile) console.log(`\n${summarizeProfiles(profiles)}`);
    }
    const outcomes = Object.values(results.scenarios);
    const verdicts = outcomes.flatMap((outcome) => outcome.verdicts ?? []);
    const failed = outcomes.filter(({ error }) => error !== undefined).length;
    console.log(
      `\n\n${verdicts.filter(({ isMet }) => isMet).length} of ${verdicts.length} targets met, ${failed} scenarios failed. ${write(results)}`,
    );
    process.exitCode = failed === 0 ? 0 : 1;
  } finally {
    await databases.stop();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
