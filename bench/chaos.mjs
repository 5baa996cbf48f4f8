// What a user may rely on, tried: three replicas on one Postgres behind a balancer, while things are killed.
//   npm run chaos                       every part at its published length
//   npm run chaos -- kill budget        only these
//   npm run chaos -- --quick            every part in at most a minute
//   npm run chaos -- kill --minutes 2   so long, where a part's length can be chosen
//   npm run chaos -- --untimed          seconds are shown and fail nothing: for machines that are busy with something else
// Ends with 1 when a figure is missed. CHAOS_DATABASE_URL names a Postgres on which databases may be created; without it one is started.
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Cluster } from './lib/cluster.mjs';
import { PostgresDatabases } from './lib/database.mjs';
import { startGateway } from './lib/gateway.mjs';
import { verdictTable } from './lib/report.mjs';

const PARTS = ['budget', 'idempotency', 'rollout', 'kill', 'pause', 'postgres', 'redis', 'disk', 'neighbours', 'plugin'];

/** Scenarios of the benchmark that belong to the same promises. */
const SCENARIOS = ['watching', 'webhooks', 'cache-hit', 'prices'].filter((name) =>
  existsSync(new URL(`scenarios/${name}.mjs`, import.meta.url)),
);
const ALL = [...PARTS, ...SCENARIOS];

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean', default: false }, untimed: { type: 'boolean', default: false }, minutes: { type: 'string' } },
  });
  const unknown = positionals.filter((name) => !ALL.includes(name));
  if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}; there are ${ALL.join(', ')}`);
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0)) throw new Error(`--minutes is a number above 0, not "${values.minutes}"`);
  return { isQuick: values.quick, isUntimed: values.untimed, minutes, names: positionals.length === 0 ? ALL : positionals };
}

async function runOne(name, options) {
  const part = await import(PARTS.includes(name) ? `./chaos/${name}.mjs` : `./scenarios/${name}.mjs`);
  console.log(`\n\n## ${part.title}\n`);
  const beganMs = performance.now();
  try {
    const { text, verdicts } = await part.run(options);
    // Scenarios of the benchmark show their verdicts themselves.
    console.log([...text, ...(PARTS.includes(name) ? [verdictTable(verdicts)] : [])].join('\n\n'));
    const missed = verdicts.filter(({ isMet, unit }) => !isMet && !(options.isUntimed && unit === 's'));
    return { name, missed: missed.length, figures: verdicts.length };
  } catch (error) {
    console.error(`${name} could not be tried: ${error.stack}`);
    return { name, missed: 1, figures: 1 };
  } finally {
    console.log(`\n${name}: ${Math.round((performance.now() - beganMs) / 1000)} s`);
  }
}

async function main() {
  if (!existsSync('/proc/self/status')) throw new Error('The chaos runner signals processes that it finds in /proc and so needs Linux.');
  const { isQuick, isUntimed, minutes, names } = readArguments();
  const databases = await PostgresDatabases.open(process.env.CHAOS_DATABASE_URL);
  const withCluster = async (options, work) => {
    const cluster = await Cluster.start({ databases, ...options });
    try {
      return await work(cluster);
    } catch (error) {
      console.error(cluster.logs(4000));
      throw error;
    } finally {
      await cluster.stop();
    }
  };
  const openPostgres = () => PostgresDatabases.open(process.env.BENCH_DATABASE_URL);
  const start = (options) => startGateway({ databases, ...options });
  try {
    console.log(`${cpus().length} cores, Node ${process.version}, ${new Date().toISOString()}${isQuick ? ', quick' : ''}`);
    const outcomes = [];
    for (const name of names)
      outcomes.push(await runOne(name, { withCluster, start, isQuick, isUntimed, minutes, databases, openPostgres }));
    const figures = outcomes.reduce((sum, outcome) => sum + outcome.figures, 0);
    const missed = outcomes.reduce((sum, outcome) => sum + outcome.missed, 0);
    const parts = outcomes.filter((outcome) => outcome.missed > 0).map(({ name }) => name);
    console.log(`\n\n${figures - missed} of ${figures} figures hold${parts.length === 0 ? '' : `; see ${parts.join(', ')}`}.`);
    process.exitCode = missed === 0 ? 0 : 1;
  } finally {
    await databases.stop();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
