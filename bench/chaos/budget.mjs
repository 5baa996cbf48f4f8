// A budget of $1.00, a picture of $0.04, and a thousand callers at once over three replicas.

import { audit, untilSettled } from '../lib/audit.mjs';
import { Helper } from '../lib/children.mjs';
import { IMAGE_PRICE_USD, image } from '../lib/cluster.mjs';
import { number, table, verdict } from '../lib/report.mjs';

const BUDGET_USD = 1;
const ADMITTED = Math.floor((BUDGET_USD * 100) / (IMAGE_PRICE_USD * 100));
const REQUESTS = 1000;
const SETTLE_TIMEOUT_MS = 60_000;

export const title = `budget: $${BUDGET_USD.toFixed(2)} at $${IMAGE_PRICE_USD} a picture, ${REQUESTS} requests at once`;

export function run({ withCluster, isQuick }) {
  return withCluster({}, async (cluster) => {
    const callers = new Helper('callers');
    try {
      const rows = [];
      for (let round = 1; round <= (isQuick ? 2 : 10); round += 1) rows.push(await oneRound(cluster, callers, round));
      await untilSettled(cluster.databaseUrl, SETTLE_TIMEOUT_MS);
      const facts = await audit({ databaseUrl: cluster.databaseUrl, vendor: cluster.vendor, acceptedIds: rows.flatMap(({ ids }) => ids) });
      return report(rows, facts);
    } finally {
      await callers.stop();
    }
  });
}

async function oneRound(cluster, callers, round) {
  const key = await cluster.any.createKey(BUDGET_USD);
  const result = await callers.call('run', {
    url: cluster.url,
    key,
    prefix: `budget-${round}`,
    requests: REQUESTS,
    connections: REQUESTS,
    kinds: [image('budget', { latency: '0s' })],
  });
  const admitted = result.jobs.filter(({ status }) => status === 200);
  return {
    round,
    ids: admitted.map(({ id }) => id),
    admitted: admitted.length,
    refused: result.outcomes['402 quota_exceeded'] ?? 0,
    others: REQUESTS - admitted.length - (result.outcomes['402 quota_exceeded'] ?? 0),
    elapsedMs: result.elapsedMs,
    examples: result.examples.filter((example) => !example.startsWith('402 quota_exceeded')),
  };
}

function report(rows, facts) {
  const shown = rows.map(({ round, admitted, refused, others, elapsedMs }) => ({
    run: round,
    admitted,
    'refused with 402': refused,
    'anything else': others,
    seconds: number(elapsedMs / 1000, 1),
  }));
  const spentExactly = facts.balances.filter(({ settled, held }) => settled === BUDGET_USD * 1e6 && held === 0).length;
  const verdicts = [
    verdict('runs that admitted exactly 25', rows.filter(({ admitted }) => admitted === ADMITTED).length, '=', rows.length, '', 0),
    verdict(
      'answers that were neither 200 nor 402',
      rows.reduce((sum, { others }) => sum + others, 0),
      '=',
      0,
      '',
      0,
    ),
    verdict(`budgets with $${BUDGET_USD.toFixed(2)} spent and nothing held`, spentExactly, '=', rows.length, '', 0),
    verdict('jobs at the vendor', facts.vendorJobs, '=', rows.length * ADMITTED, '', 0),
    verdict('differences found by `litegen reconcile` (exit code)', facts.reconciliation.code, '=', 0, '', 0),
  ];
  const text = [table(Object.keys(shown[0]), shown), ...rows.flatMap(({ examples }) => examples), facts.reconciliation.text];
  return { text, verdicts, figures: { rows, facts } };
}
