// What the parts have in common that break something under load: jobs of all kinds with budgets and webhooks, and the audit at the end.
import { audit, factsText, moneyVerdicts, untilSettled, webhookFacts } from './audit.mjs';
import { Helper } from './children.mjs';
import { image, video } from './cluster.mjs';
import { number, verdict } from './report.mjs';

const SETTLE_TIMEOUT_MS = 180_000;
/** Longer than anything that is broken here stays broken. */
const PATIENCE_MS = 180_000;
const EVERYBODYS_BUDGET_USD = 100_000;

/** Pictures that callers wait for, at both kinds of vendors, and clips that they look up later. */
export const KINDS = [
  image('picture', { latency: '1s', weight: 4 }),
  image('once', { model: 'mock/chaos-image-once', latency: '1s', weight: 3 }),
  image('patient', { model: 'mock/chaos-image-once', latency: '4s' }),
  image('asynchronous', { latency: '2s', headers: { prefer: 'respond-async' } }),
  video('clip', { latency: '5s', headers: { prefer: 'respond-async' }, weight: 3 }),
];

/**
 * Runs `disturb` under load and answers what came of it. Callers repeat a request under its Idempotency-Key until it is answered.
 * @param options `withCluster`; `settings` of the replicas; `rpmLimit` of the callers' key; `load`, such as `{connections, rate}`; `disturb({cluster, progress})`,
 *   after whose end no new jobs begin; `also({cluster})`, asked when everything has ended
 */
export async function storm({ withCluster, settings = {}, rpmLimit, load, disturb, also }) {
  const [callers, receiver] = [new Helper('callers'), new Helper('receiver')];
  try {
    const hookUrl = await receiver.call('listen');
    return await withCluster({ settings: { ...settings, egress: { allow: [new URL(hookUrl).host] } } }, async (cluster) => {
      const key = await cluster.any.createKey(undefined, rpmLimit === undefined ? {} : { rpm_limit: rpmLimit });
      await cluster.any.post('/v1/budgets', { level: 'application', period: 'month', limit_usd: EVERYBODYS_BUDGET_USD });
      await cluster.any.post('/v1/webhooks/endpoints', { url: hookUrl });
      const running = callers.call('run', { url: cluster.url, key, prefix: 'storm', kinds: KINDS, patienceMs: PATIENCE_MS, ...load });
      running.catch(() => undefined);
      const observed = await disturb({ cluster, progress: () => callers.call('progress') });
      await callers.call('finish');
      const result = await running;
      const settledAfterMs = await untilSettled(cluster.databaseUrl, SETTLE_TIMEOUT_MS);
      const acceptedIds = result.jobs.flatMap(({ id, status }) => (id === undefined || status >= 300 ? [] : [id]));
      const facts = await audit({ databaseUrl: cluster.databaseUrl, vendor: cluster.vendor, acceptedIds });
      const webhooks = webhookFacts(await receiver.call('messages'), facts.ended);
      return { observed, result, facts, webhooks, settledAfterMs, errors: cluster.errors(), also: await also?.({ cluster }) };
    });
  } finally {
    await Promise.all([callers.stop(), receiver.stop()]);
  }
}

/** What callers and receivers saw, as lines, and the verdicts that hold for every storm. */
export function stormReport({ result, facts, webhooks, settledAfterMs, errors }) {
  const outcomes = Object.entries(result.outcomes).map(([outcome, count]) => `${count} × ${outcome}`);
  const text = [
    `${result.started} requests in ${number(result.elapsedMs / 1000)} s, sent again ${result.repeats} times; answers: ${outcomes.join(', ')}`,
    ...result.examples,
    ...(errors.length === 0 ? [] : ['Errors in the log of the replicas that run:', ...errors]),
    ...factsText(facts),
    settledAfterMs === null
      ? 'Not everything had ended when the time was over.'
      : `The last job and webhook ended ${number(settledAfterMs / 1000, 1)} s after the load.`,
    `Webhooks: ${facts.ended - webhooks.missing} of ${facts.ended} ends were told of, ${webhooks.repeated} deliveries came again under the same id`,
  ];
  const verdicts = [
    verdict('errors without a telling code, or 503 without Retry-After', result.unclear, '=', 0, '', 0),
    verdict('requests that were never answered', result.jobs.filter(({ status }) => status === 0).length, '=', 0, '', 0),
    ...moneyVerdicts(facts),
    verdict('ends without a webhook, or with two', webhooks.missing + webhooks.extra, '=', 0, '', 0),
  ];
  return { text, verdicts };
}
