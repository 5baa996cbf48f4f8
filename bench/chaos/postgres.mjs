// Postgres fails under load: it ends every connection again and again, is killed with all its processes and started again on the same data,
// and is stopped and continued.
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresDatabases, startPostgres } from '../lib/database.mjs';
import { number, verdict } from '../lib/report.mjs';
import { storm, stormReport } from '../lib/storm.mjs';

const TERMINATIONS = 8;
const TERMINATE_EVERY_MS = 250;
const READY_TIMEOUT_MS = 60_000;

export const title = 'postgres: the database ends connections, is killed, and stands still, under load';

export async function run({ withCluster, isQuick, minutes }) {
  const awayMs = isQuick ? 7_000 : 30_000;
  // Leases lapse while the database is away, and statements are given up while it stands still.
  const settings = { engine: { lease_seconds: isQuick ? 5 : 10 }, database: { timeout_seconds: isQuick ? 3 : 10 } };
  const calmMs = minutes === undefined ? (isQuick ? 2_000 : 15_000) : (minutes * 60_000) / 3;
  // What was committed must survive the server's processes.
  const server = await startPostgres({ synchronous_commit: 'on' });
  const databases = await PostgresDatabases.open(server.url);
  try {
    const outcome = await storm({
      withCluster: (options, work) => withCluster({ databases, ...options }, work),
      settings,
      load: { connections: 64, rate: isQuick ? 15 : 25 },
      disturb: async ({ cluster }) => {
        const before = cluster.replicas.map(({ pid }) => pid);
        await sleep(calmMs);
        for (let round = 0; round < TERMINATIONS; round += 1) {
          await databases.execute(
            'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL',
          );
          await sleep(TERMINATE_EVERY_MS);
        }
        await sleep(calmMs);
        await server.kill();
        await sleep(awayMs);
        await server.restart();
        const afterKill = await untilReady(cluster);
        await sleep(calmMs);
        server.signal('SIGSTOP');
        await sleep(awayMs);
        server.signal('SIGCONT');
        const afterPause = await untilReady(cluster);
        await sleep(calmMs);
        return {
          afterKill,
          afterPause,
          died: cluster.replicas.filter(({ pid, hasEnded }, index) => hasEnded || pid !== before[index]).length,
        };
      },
    });
    return report(outcome, awayMs, settings.database.timeout_seconds);
  } finally {
    await server.stop();
  }
}

/** Milliseconds until the balancer finds every replica ready. */
async function untilReady(cluster) {
  const beganMs = performance.now();
  while (performance.now() - beganMs < READY_TIMEOUT_MS) {
    if ((await cluster.balancerStates()).every(({ isReady }) => isReady)) return performance.now() - beganMs;
    await sleep(100);
  }
  return Number.POSITIVE_INFINITY;
}

function report(outcome, awayMs, timeoutSeconds) {
  const { observed, result, facts } = outcome;
  const { text, verdicts } = stormReport(outcome);
  return {
    text: [
      `away twice for ${number(awayMs / 1000)} s; every replica was ready again ${number(observed.afterKill / 1000, 1)} s after the restart and ` +
        `${number(observed.afterPause / 1000, 1)} s after the standstill`,
      ...text,
    ],
    verdicts: [
      ...verdicts,
      verdict('replicas that died or were restarted', observed.died, '=', 0, '', 0),
      verdict('unknown outcomes (no process died)', facts.unknownOutcomes, '=', 0, '', 0),
      verdict('slowest 503', result.slowestRefusalMs / 1000, '≤', 2 * timeoutSeconds + 2, 's', 1),
      verdict('ready again after the restart', observed.afterKill / 1000, '≤', 15, 's', 1),
      verdict('ready again after the standstill', observed.afterPause / 1000, '≤', 15, 's', 1),
    ],
    figures: { observed, facts },
  };
}
