// One Idempotency-Key, two hundred requests at once over three replicas.

import { tally } from '../lib/audit.mjs';
import { Helper } from '../lib/children.mjs';
import { image } from '../lib/cluster.mjs';
import { number, table, verdict } from '../lib/report.mjs';

const REQUESTS = 200;

export const title = `idempotency: one Idempotency-Key, ${REQUESTS} requests at once`;

export function run({ withCluster, isQuick }) {
  return withCluster({}, async (cluster) => {
    const callers = new Helper('callers');
    try {
      const key = await cluster.any.createKey();
      const rows = [];
      for (let round = 1; round <= (isQuick ? 3 : 20); round += 1) rows.push(await oneRound(cluster, callers, key, round));
      return report(rows);
    } finally {
      await callers.stop();
    }
  });
}

async function oneRound(cluster, callers, key, round) {
  const before = cluster.vendor.submits().length;
  const { jobs, elapsedMs, examples } = await callers.call('run', {
    url: cluster.url,
    key,
    idempotencyKey: `one-key-${round}`,
    requests: REQUESTS,
    connections: REQUESTS,
    // Some rounds end while the callers still arrive, some do not.
    kinds: [{ ...image('same', { latency: round % 2 === 0 ? '0s' : '1s' }), body: sameBody(round) }],
  });
  return {
    round,
    submits: cluster.vendor.submits().length - before,
    statuses: tally(jobs.map(({ status }) => status)),
    answered: jobs.filter(({ status }) => status === 200).length,
    bodies: new Set(jobs.map(({ bodySha256 }) => bodySha256)).size,
    generations: new Set(jobs.map(({ id }) => id)).size,
    replayed: jobs.filter(({ isReplayed }) => isReplayed).length,
    elapsedMs,
    examples,
  };
}

function sameBody(round) {
  return {
    model: 'mock/chaos-image-once',
    prompt: `the same picture ${round} [mock latency=${round % 2 === 0 ? '0s' : '1s'}]`,
    response_format: 'b64_json',
  };
}

function report(rows) {
  const shown = rows.map(({ round, submits, answered, bodies, generations, replayed, elapsedMs }) => ({
    run: round,
    'vendor calls': submits,
    'answered 200': answered,
    'different bodies': bodies,
    generations,
    'Idempotent-Replayed': replayed,
    seconds: number(elapsedMs / 1000, 1),
  }));
  const all = (what, isRight) => verdict(what, rows.filter(isRight).length, '=', rows.length, 'runs', 0);
  const verdicts = [
    all('1 vendor call', ({ submits }) => submits === 1),
    all(`${REQUESTS} answers with 200`, ({ answered }) => answered === REQUESTS),
    all('identical bodies', ({ bodies }) => bodies === 1),
    all(`${REQUESTS - 1} marked Idempotent-Replayed`, ({ replayed }) => replayed === REQUESTS - 1),
  ];
  return { text: [table(Object.keys(shown[0]), shown), ...rows.flatMap(({ examples }) => examples)], verdicts, figures: rows };
}
