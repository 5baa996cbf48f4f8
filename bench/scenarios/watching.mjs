// Ten thousand videos in flight on three replicas, a quarter of them at a vendor that takes connections and never answers: how long after a
// job's end the gateway learns of it, with the hung vendor and without. The vendor is a process with real connections.
import { setTimeout as sleep } from 'node:timers/promises';
import { measure, withHelpers } from '../lib/bench.mjs';
import { compatibleProvider } from '../lib/gateway.mjs';
import { sumOf } from '../lib/metrics.mjs';
import { cpuMs } from '../lib/process-facts.mjs';
import { number, table, verdict, verdictTable } from '../lib/report.mjs';
import { percentile } from '../lib/statistics.mjs';

const REPLICAS = 3;
const HEALTHY = ['steady', 'second', 'third'];
const ACCOUNTS = [...HEALTHY, 'hung'];
const CONNECTIONS = 4;
const WATCH_EVERY_MS = 500;
const TIMEOUT_MS = 600_000;
const FULL = { healthy: 7_500, hung: 2_500, intervalMs: 10_000, overMs: 90_000 };
const QUICK = { healthy: 600, hung: 300, intervalMs: 5_000, overMs: 8_000 };

export const title = 'watching: videos in flight on three replicas on Postgres, with a vendor that hangs';

export async function run({ start, isQuick, openPostgres }) {
  const plan = isQuick ? QUICK : FULL;
  const databases = await openPostgres();
  try {
    return await withHelpers(['video-vendor', 'load'], async (vendor, load) => {
      const vendorUrl = await vendor.call('listen');
      const replicas = await startReplicas(start, await databases.create(), vendorUrl, plan);
      try {
        const scene = { replicas, vendor, load, plan, key: await replicas[0].createKey() };
        await admit(scene, HEALTHY, 30);
        await finish(scene, { afterMs: 0, overMs: 0 });
        const without = await measurePhase(scene);
        await admit(scene, ['hung'], plan.hung);
        // Long enough for polls of the hung vendor to be under way, and for the first to be given up.
        await sleep(2 * plan.intervalMs);
        const beside = await measurePhase(scene);
        return { ...report(plan, without, beside), durability: await databases.durability() };
      } catch (error) {
        for (const replica of replicas) console.error(`\n--- last lines of a gateway ---\n${replica.logs()}`);
        throw error;
      } finally {
        await Promise.all(replicas.map((replica) => replica.stop('SIGKILL')));
      }
    });
  } finally {
    await databases.stop();
  }
}

async function startReplicas(start, database, vendorUrl, { intervalMs }) {
  const seconds = intervalMs / 1000;
  const models = ACCOUNTS.map((provider) => ({
    id: `${provider}/film`,
    provider,
    media_type: 'video',
    display_name: provider,
    pricing: { base_cost_usd: '0.05' },
    capabilities: { text_to_video: true },
    prompt: { required: true },
    polling: { initial_seconds: seconds, interval_seconds: seconds, max_interval_seconds: seconds },
  }));
  const providers = Object.fromEntries(
    ACCOUNTS.map((name) => [name, { ...compatibleProvider(`${vendorUrl}/${name}/v1`), options: { dialect: 'sglang' } }]),
  );
  const options = { database, models, settings: { providers, observability: { log_level: 'error' } }, readyPath: '/health/ready' };
  // The first one makes the tables.
  const replicas = [await start(options)];
  while (replicas.length < REPLICAS) replicas.push(await start(options));
  return replicas;
}

/** Sends so many jobs, evenly to all replicas and accounts, and waits until the vendor has them. */
async function admit({ replicas, load, key, vendor }, accounts, count) {
  const { jobs } = await vendor.call('counts');
  const pairs = replicas.flatMap(({ url }) => accounts.map((account) => ({ url, account })));
  const runs = await Promise.all(
    pairs.map(({ url, account }, index) =>
      measure(load, `jobs of ${account}`, {
        url,
        path: '/v1/videos',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, prefer: 'respond-async' },
        body: JSON.stringify({ model: `${account}/film`, prompt: 'a red fox under a teal sky' }),
        connections: CONNECTIONS,
        requests: Math.floor(count / pairs.length) + (index < count % pairs.length ? 1 : 0),
      }),
    ),
  );
  await until('the vendor had every job', async () => (await vendor.call('counts')).jobs === jobs + count);
  return runs.reduce((sum, { rps }) => sum + rps, 0);
}

/** Lets the healthy accounts' jobs end, and waits until the gateway has their files and has written every end. */
async function finish({ replicas, vendor }, times) {
  const ended = async () => {
    const metrics = await Promise.all(replicas.map((replica) => replica.metrics()));
    return metrics.reduce((sum, one) => sum + sumOf(one, 'litegen_generations_total', { status: 'completed' }), 0);
  };
  const before = await ended();
  const { healthy } = await vendor.call('counts');
  await vendor.call('finish', times);
  await until('every end was written', async () => (await ended()) - before >= healthy);
  const lags = Float64Array.from(await vendor.call('lags')).sort();
  if (lags.length !== healthy) throw new Error(`the vendor told of ${lags.length} ends of ${healthy}`);
  return lags;
}

async function measurePhase(scene) {
  const { replicas, vendor, plan } = scene;
  await vendor.call('forget');
  const admittedPerSecond = await admit(scene, HEALTHY, plan.healthy);
  const cpu = () => replicas.reduce((sum, { pid }) => sum + cpuMs(pid), 0);
  const cpuBefore = cpu();
  const { polls: pollsBefore } = await vendor.call('counts');
  const startedAtMs = performance.now();
  // One interval in which every job is looked at and none is done.
  const lags = await finish(scene, { afterMs: plan.intervalMs, overMs: plan.overMs });
  const { polls, mostUnanswered } = await vendor.call('counts');
  const share = (part) => percentile(lags, part) / plan.intervalMs;
  return {
    admittedPerSecond,
    elapsedMs: performance.now() - startedAtMs,
    polls: polls - pollsBefore,
    cpuMs: cpu() - cpuBefore,
    mostUnanswered,
    p50: share(0.5),
    p99: share(0.99),
    most: share(1),
  };
}

async function until(what, isSo) {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${TIMEOUT_MS} ms: ${what}`);
    await sleep(WATCH_EVERY_MS);
  }
}

function report(plan, without, beside) {
  const row = (what, phase, jobs) => ({
    '': what,
    'in flight': jobs,
    'interval s': plan.intervalMs / 1000,
    'admitted/s': number(phase.admittedPerSecond),
    'polls/s': number((phase.polls * 1000) / phase.elapsedMs),
    'lag p50': `${number(phase.p50, 2)} ×`,
    'lag p99': `${number(phase.p99, 2)} ×`,
    'lag max': `${number(phase.most, 2)} ×`,
    'CPU ms/poll': number(phase.cpuMs / phase.polls, 2),
    'held open by the hung one': phase.mostUnanswered,
  });
  const rows = [row('healthy vendors alone', without, plan.healthy), row('beside a hung vendor', beside, plan.healthy + plan.hung)];
  const verdicts = [
    verdict('detection lag p50, beside the hung vendor', beside.p50, '≤', 0.5, 'intervals'),
    verdict('detection lag p99, beside the hung vendor', beside.p99, '≤', 1.5, 'intervals'),
    verdict('lag p50 that the hung vendor adds to the others', beside.p50 - without.p50, '≤', 0.1, 'intervals'),
    verdict('lag p99 that the hung vendor adds to the others', beside.p99 - without.p99, '≤', 0.2, 'intervals'),
  ];
  return { text: [table(Object.keys(rows[0]), rows), verdictTable(verdicts)], verdicts, figures: { plan, without, beside } };
}
