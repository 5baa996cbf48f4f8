// Redis is away under load: killed and started again, and then stopped and continued. What it counts must fail closed meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { admittedBetween } from '../lib/audit.mjs';
import { startRedis } from '../lib/database.mjs';
import { number, verdict } from '../lib/report.mjs';
import { storm, stormReport } from '../lib/storm.mjs';

/** More than the callers ever ask for, so that only the outage refuses. */
const RPM_LIMIT = 100_000;
/** Requests that were counted just before may be admitted a moment after. */
const UNDER_WAY_MS = 4000;
const RECOVERY_TIMEOUT_MS = 60_000;
const CODE = '503 limiter_unavailable';

export const title = 'redis: the store of counters is killed, and then stands still, under load';

export async function run({ withCluster, isQuick, minutes }) {
  const awayMs = isQuick ? 8_000 : 30_000;
  const calmMs = minutes === undefined ? (isQuick ? 3_000 : 15_000) : (minutes * 60_000) / 3;
  const redis = await startRedis();
  try {
    const outcome = await storm({
      withCluster,
      settings: { redis: { url: redis.url } },
      rpmLimit: RPM_LIMIT,
      load: { connections: 64, rate: isQuick ? 15 : 25 },
      disturb: async ({ cluster }) => {
        await sleep(calmMs);
        const killed = await outage(
          cluster,
          awayMs,
          () => redis.kill(),
          () => redis.start(),
        );
        await sleep(calmMs);
        const stopped = await outage(
          cluster,
          awayMs,
          () => redis.hang(),
          () => redis.goOn(),
        );
        await sleep(calmMs);
        return { killed, stopped, died: cluster.replicas.filter(({ hasEnded }) => hasEnded).length };
      },
    });
    return report(outcome, awayMs);
  } finally {
    redis.goOn();
    await redis.kill();
  }
}

async function outage(cluster, awayMs, begin, end) {
  await begin();
  await sleep(UNDER_WAY_MS);
  const fromMs = Date.now();
  await sleep(awayMs - UNDER_WAY_MS);
  const untilMs = Date.now();
  await end();
  const recoveryMs = await untilCounted(cluster, untilMs);
  return { admitted: await admittedBetween(cluster.databaseUrl, fromMs, untilMs), recoveryMs };
}

/** Milliseconds until every replica counts again. */
async function untilCounted(cluster, sinceMs) {
  while (Date.now() - sinceMs < RECOVERY_TIMEOUT_MS) {
    const answers = await Promise.all(cluster.replicas.map((replica) => replica.request('GET', '/health/ready')));
    if (answers.every(({ text }) => JSON.parse(text).checks.redis === true)) return Date.now() - sinceMs;
    await sleep(50);
  }
  return Number.POSITIVE_INFINITY;
}

function report(outcome, awayMs) {
  const { killed, stopped, died } = outcome.observed;
  const { text, verdicts } = stormReport(outcome);
  return {
    text: [`away twice for ${number(awayMs / 1000)} s`, ...text],
    verdicts: [
      ...verdicts,
      verdict('unknown outcomes (no process died)', outcome.facts.unknownOutcomes, '=', 0, '', 0),
      verdict('replicas that died', died, '=', 0, '', 0),
      verdict('requests refused because they could not be counted', outcome.result.outcomes[CODE] ?? 0, '≥', 1, '', 0),
      verdict('admitted while Redis was killed', killed.admitted, '=', 0, '', 0),
      verdict('admitted while Redis stood still', stopped.admitted, '=', 0, '', 0),
      verdict('slowest 503', outcome.result.slowestRefusalMs / 1000, '≤', 5, 's', 1),
      verdict('counting again after the restart', killed.recoveryMs / 1000, '≤', 10, 's', 1),
      verdict('counting again after the standstill', stopped.recoveryMs / 1000, '≤', 10, 's', 1),
    ],
    figures: outcome,
  };
}
