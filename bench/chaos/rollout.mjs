// Every replica is restarted, one after the other, twice round, under load from keep-alive clients behind a balancer.
import { setTimeout as sleep } from 'node:timers/promises';
import { audit, untilSettled } from '../lib/audit.mjs';
import { Helper } from '../lib/children.mjs';
import { image, video } from '../lib/cluster.mjs';
import { number, table, verdict } from '../lib/report.mjs';

const CONNECTIONS = 32;
const SETTLE_TIMEOUT_MS = 120_000;
const AFTERWARDS_MS = 2000;

export const title = 'rollout: SIGTERM, wait, start anew, one replica after the other, under load';

export function run({ withCluster, isQuick }) {
  // The balancer asks every second.
  const settings = { server: { drain_delay_seconds: isQuick ? 2 : 5 } };
  return withCluster({ settings }, async (cluster) => {
    const callers = new Helper('callers');
    try {
      const key = await cluster.any.createKey();
      const order = { url: cluster.url, key, connections: CONNECTIONS };
      const kinds = [
        image('picture', { latency: '300ms', weight: 3 }),
        image('slow picture', { model: 'mock/chaos-image-once', latency: '2s' }),
        video('clip', { headers: { prefer: 'respond-async' } }),
        { name: 'models', path: '/v1/models', weight: 2 },
        { name: 'list', path: '/v1/generations?per_page=5' },
      ];
      // No patience: whatever fails has failed. It stops when the last restart is over.
      const load = callers.call('run', { ...order, prefix: 'rollout', kinds });
      const restarts = [];
      for (let round = 0; round < (isQuick ? 1 : 2); round += 1) {
        for (const index of cluster.replicas.keys())
          restarts.push({ round: round + 1, replica: index + 1, ...(await restart(cluster, index)) });
      }
      await sleep(AFTERWARDS_MS);
      await callers.call('finish');
      const result = await load;
      const settledAfterMs = await untilSettled(cluster.databaseUrl, SETTLE_TIMEOUT_MS);
      const acceptedIds = result.jobs.flatMap(({ id }) => (id === undefined ? [] : [id]));
      const facts = await audit({ databaseUrl: cluster.databaseUrl, vendor: cluster.vendor, acceptedIds });
      return report(restarts, result, facts, settledAfterMs);
    } finally {
      await callers.stop();
    }
  });
}

async function restart(cluster, index) {
  const beganMs = performance.now();
  const code = await cluster.replicas[index].stop();
  const stoppedMs = performance.now();
  await cluster.replace(index);
  return { code, stopMs: stoppedMs - beganMs, startMs: performance.now() - stoppedMs };
}

function report(restarts, { started, outcomes, examples, elapsedMs, p99Ms }, facts, settledAfterMs) {
  const shown = restarts.map(({ round, replica, code, stopMs, startMs }) => ({
    round,
    replica,
    'exit code': code ?? 'killed',
    'stopped after s': number(stopMs / 1000, 1),
    'ready again after s': number(startMs / 1000, 1),
  }));
  const answered = Object.entries(outcomes).map(([outcome, count]) => `${outcome}: ${count}`);
  const failed = Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (/^2\d\d$/.test(outcome) ? 0 : count), 0);
  const verdicts = [
    verdict('failed requests', failed, '=', 0, `of ${started}`, 0),
    verdict('jobs that were accepted and lost', facts.lost, '=', 0, '', 0),
    verdict('jobs that did not end', facts.generations - facts.ended, '=', 0, '', 0),
    verdict('unknown outcomes', facts.unknownOutcomes, '=', 0, '', 0),
    verdict('duplicate submits', facts.duplicateSubmits, '=', 0, '', 0),
    verdict('replicas that did not end by themselves', restarts.filter(({ code }) => code !== 0).length, '=', 0, '', 0),
    verdict('differences found by `litegen reconcile` (exit code)', facts.reconciliation.code, '=', 0, '', 0),
  ];
  const text = [
    table(Object.keys(shown[0]), shown),
    `${started} requests in ${number(elapsedMs / 1000)} s, p99 ${number(p99Ms)} ms; ${answered.join(', ')}`,
    `${facts.generations} jobs, ${facts.completed} completed; the last ended ${number(settledAfterMs / 1000, 1)} s after the load`,
    ...examples,
  ];
  return { text, verdicts, figures: { restarts, facts } };
}
