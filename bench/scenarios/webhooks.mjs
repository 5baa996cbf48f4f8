// From the completion of a generation to the first attempt to announce it, while completions go on at a steady rate.
import { setTimeout as sleep } from 'node:timers/promises';
import { imageOrder, measure, withHelpers } from '../lib/bench.mjs';
import { compatibleModel, compatibleProvider } from '../lib/gateway.mjs';
import { cpuMs } from '../lib/process-facts.mjs';
import { number, table, verdict, verdictTable } from '../lib/report.mjs';
import { percentile } from '../lib/statistics.mjs';

const RATES_PER_SECOND = [100, 250, 500];
const CONNECTIONS = 64;
const VENDOR_MS = 50;
const WATCH_EVERY_MS = 250;
const TIMEOUT_MS = 120_000;

export const title = 'webhooks: from completion to the first attempt, at a steady rate of completions';

/** One gateway on a SQLite file; three replicas on Postgres, which share the callers. */
export function run({ start, isQuick, databases }) {
  const plan = { durationMs: isQuick ? 5_000 : 20_000, replicas: databases.name === 'postgres' ? 3 : 1 };
  const loads = Array.from({ length: plan.replicas }, () => 'load');
  return withHelpers(['vendor', 'receiver', ...loads], async (vendor, receiver, ...callers) => {
    const vendorUrl = await vendor.call('listen');
    const hookUrl = await receiver.call('listen');
    const settings = {
      providers: { 'after-50ms': compatibleProvider(`${vendorUrl}/${VENDOR_MS}ms/1px/v1`) },
      egress: { allow: [new URL(hookUrl).host] },
    };
    const options = { settings, models: [compatibleModel('after-50ms')] };
    const first = await start(options);
    const replicas = [first];
    try {
      while (replicas.length < plan.replicas) replicas.push(await start({ ...options, database: first.database }));
      const { statusCode, text } = await first.request('POST', '/v1/webhooks/endpoints', { url: `${hookUrl}/hooks` });
      if (statusCode !== 201) throw new Error(`POST /v1/webhooks/endpoints answered ${statusCode}: ${text}`);
      const key = await first.createKey();
      const figures = [];
      await oneRate({ replicas, callers, receiver, key, rate: 50, durationMs: 2_000 });
      for (const rate of RATES_PER_SECOND) {
        figures.push(await oneRate({ replicas, callers, receiver, key, rate, durationMs: plan.durationMs }));
      }
      return report(figures, plan);
    } catch (error) {
      for (const replica of replicas) console.error(`\n--- last lines of a gateway ---\n${replica.logs()}`);
      throw error;
    } finally {
      for (const replica of replicas) await replica.stop();
    }
  });
}

async function oneRate({ replicas, callers, receiver, key, rate, durationMs }) {
  await receiver.call('forget');
  const cpu = () => replicas.reduce((sum, { pid }) => sum + cpuMs(pid), 0);
  const cpuBefore = cpu();
  const runs = await Promise.all(
    replicas.map(({ url }, index) => {
      const { headers, ...order } = imageOrder(url, 'after-50ms/image', key, {
        connections: CONNECTIONS,
        rate: rate / replicas.length,
        durationMs,
      });
      return measure(callers[index], `${rate}/s`, { ...order, headers: { ...headers, prefer: 'respond-async' } });
    }),
  );
  const accepted = runs.reduce((sum, { requests }) => sum + requests, 0);
  const messages = await untilAnnounced(receiver, accepted);
  const lags = Float64Array.from(messages.map(({ lagMs }) => lagMs)).sort();
  return {
    rate,
    accepted,
    perSecond: completionsPerSecond(messages),
    once: messages.filter(({ deliveries }) => deliveries === 1).length / accepted,
    p50Ms: percentile(lags, 0.5),
    p99Ms: percentile(lags, 0.99),
    maxMs: percentile(lags, 1),
    cpuMsPerGeneration: (cpu() - cpuBefore) / accepted,
  };
}

function completionsPerSecond(messages) {
  const times = messages.map(({ atMs }) => atMs);
  const between = times.reduce((most, time) => Math.max(most, time), 0) - times.reduce((least, time) => Math.min(least, time), Infinity);
  return (messages.length * 1000) / between;
}

async function untilAnnounced(receiver, count) {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    const messages = await receiver.call('messages');
    if (messages.length >= count) return messages;
    if (performance.now() > deadlineMs) throw new Error(`${messages.length} of ${count} generations were announced after ${TIMEOUT_MS} ms`);
    await sleep(WATCH_EVERY_MS);
  }
}

function report(figures, { replicas }) {
  const rows = figures.map((figure) => ({
    'offered/s': figure.rate,
    'completed/s': number(figure.perSecond),
    'lag p50 ms': number(figure.p50Ms),
    'p99 ms': number(figure.p99Ms),
    'max ms': number(figure.maxMs),
    'delivered once': `${number(figure.once * 100, 2)} %`,
    'CPU ms': number(figure.cpuMsPerGeneration, 2),
  }));
  const last = figures.at(-1);
  const verdicts = [
    verdict(`completion to first attempt, p99, ${last.rate}/s offered`, last.p99Ms, '≤', 1000, 'ms', 0),
    verdict('completions per second', last.perSecond, '≥', 490, '/s', 0),
  ];
  return { text: [table(Object.keys(rows[0]), rows), `Gateways: ${replicas}.`, verdictTable(verdicts)], verdicts, figures };
}
