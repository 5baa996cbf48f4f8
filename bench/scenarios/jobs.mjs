// Many videos at once: how fast they are admitted, how late the engine looks at each, and when the last one is done.
import { setTimeout as sleep } from 'node:timers/promises';
import { measure, withGateway, withHelpers } from '../lib/bench.mjs';
import { histogramQuantile, sumOf } from '../lib/metrics.mjs';
import { cpuMs } from '../lib/process-facts.mjs';
import { number, table, verdict, verdictTable } from '../lib/report.mjs';

const LAG = 'litegen_queue_lag_seconds';
/** The mock vendor's longest interval between two questions, seconds. */
const POLL_INTERVAL_S = 2;
const WATCH_EVERY_MS = 500;
const TIMEOUT_MS = 300_000;

export const title = 'jobs: videos of the mock vendor, all in flight at once';

export function run({ start, isQuick }) {
  const plan = isQuick ? { count: 300, latency: '4s' } : { count: 2000, latency: '15s' };
  return withHelpers(['load'], (load) =>
    withGateway(start(), async (gateway) => {
      const key = await gateway.createKey();
      const order = {
        url: gateway.url,
        path: '/v1/videos',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, prefer: 'respond-async' },
        connections: 16,
      };
      const body = (latency) =>
        JSON.stringify({ model: 'mock/clip', prompt: `a red fox [mock latency=${latency}]`, duration_seconds: 1, size: '320x180', fps: 2 });
      await measure(load, 'warm-up', { ...order, body: body('0s'), requests: 20 });
      await untilEnded(gateway, 20);
      const before = await gateway.metrics();
      const cpuBefore = cpuMs(gateway.pid);
      const startedAtMs = performance.now();
      const admitted = await measure(load, 'videos', { ...order, body: body(plan.latency), requests: plan.count });
      const { peakClaims } = await untilEnded(gateway, plan.count + 20);
      const elapsedMs = performance.now() - startedAtMs;
      const cpu = cpuMs(gateway.pid) - cpuBefore;
      const after = await gateway.metrics();
      const completed =
        sumOf(after, 'litegen_generations_total', { status: 'completed' }) -
        sumOf(before, 'litegen_generations_total', { status: 'completed' });
      if (completed !== plan.count) throw new Error(`${completed} of ${plan.count} videos completed`);
      return report({ ...plan, admitted, elapsedMs, cpu, peakClaims, before, after });
    }),
  );
}

/** Watches the counters until so many generations have ended; answers the most claims per second in between. */
async function untilEnded(gateway, count) {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  let last;
  let peakClaims = 0;
  for (;;) {
    const metrics = await gateway.metrics();
    const now = { atMs: performance.now(), claims: sumOf(metrics, `${LAG}_count`) };
    if (last !== undefined) peakClaims = Math.max(peakClaims, ((now.claims - last.claims) * 1000) / (now.atMs - last.atMs));
    last = now;
    const ended = sumOf(metrics, 'litegen_generations_total');
    if (ended >= count) return { peakClaims };
    if (now.atMs > deadlineMs) throw new Error(`${ended} of ${count} videos had ended after ${TIMEOUT_MS} ms`);
    await sleep(WATCH_EVERY_MS);
  }
}

function report({ count, latency, admitted, elapsedMs, cpu, peakClaims, before, after }) {
  const lag = subtract(after, before);
  const claims = sumOf(lag, `${LAG}_count`);
  const quantile = (share) => histogramQuantile(lag, LAG, { kind: 'running' }, share);
  const figures = {
    count,
    admittedPerSecond: admitted.rps,
    admittedP99Ms: admitted.p99Ms,
    elapsedMs,
    claims,
    claimsPerSecond: (claims * 1000) / elapsedMs,
    peakClaims,
    cpuMsPerJob: cpu / count,
    lagP50AtMostS: quantile(0.5),
    lagP99AtMostS: quantile(0.99),
    lagMeanS: sumOf(lag, `${LAG}_sum`, { kind: 'running' }) / sumOf(lag, `${LAG}_count`, { kind: 'running' }),
  };
  const row = {
    videos: count,
    'vendor works': latency,
    'admitted/s': number(figures.admittedPerSecond),
    'admission p99 ms': number(figures.admittedP99Ms, 1),
    'all done after s': number(elapsedMs / 1000, 1),
    claims: number(claims),
    'claims/s': number(figures.claimsPerSecond),
    'at most': number(peakClaims),
    'lag mean s': number(figures.lagMeanS, 2),
    'lag p50 ≤ s': number(figures.lagP50AtMostS, 2),
    'lag p99 ≤ s': number(figures.lagP99AtMostS, 2),
    'CPU ms/video': number(figures.cpuMsPerJob, 1),
  };
  const verdicts = [
    verdict('claims per second at the busiest', peakClaims, '≥', 3000, '/s', 0),
    verdict('lag p99 in poll intervals (bucket bound)', figures.lagP99AtMostS / POLL_INTERVAL_S, '≤', 1.5, '×'),
  ];
  return { text: [table(Object.keys(row), [row]), verdictTable(verdicts)], verdicts, figures };
}

function subtract(after, before) {
  const key = ({ name, labels }) => `${name} ${JSON.stringify(labels)}`;
  const earlier = new Map(before.map((metric) => [key(metric), metric.value]));
  return after.map((metric) => ({ ...metric, value: metric.value - (earlier.get(key(metric)) ?? 0) }));
}
