// The same request again and again: from the cache, beside a bare proxy that asks the vendor each time; then many at once for one vendor call.
import { setTimeout as sleep } from 'node:timers/promises';
import { imageOrder, measure, pinAll, withGateway, withHelpers } from '../lib/bench.mjs';
import { expectNoErrors } from '../lib/errors.mjs';
import { compatibleModel, compatibleProvider } from '../lib/gateway.mjs';
import { sumOf } from '../lib/metrics.mjs';
import { coreSplit } from '../lib/process-facts.mjs';
import { number, table, verdict, verdictTable } from '../lib/report.mjs';
import { medianOf, percentile } from '../lib/statistics.mjs';

const SIDE = 1;
const CONNECTIONS = [1, 16, 128];
/** Hits per second that are offered for B10; what the gateway can serve at most is another figure. */
const OFFERED_PER_SECOND = 200;
const TOGETHER = 50;
const SETTLE_MS = 300;
const CACHED = { 'x-litegen-cache-ttl': '3600' };

export const title = 'cache-hit: hits at c = 1, 16, 128 and when they are due; 50 requests at once for one vendor call';

export function run({ start, isQuick }) {
  const plan = isQuick
    ? { rounds: 2, durationMs: 1000, warmUpMs: 2000, flights: 5 }
    : { rounds: 3, durationMs: 3000, warmUpMs: 6000, flights: 20 };
  return withHelpers(['vendor', 'proxy', 'load'], async (vendor, proxy, load) => {
    const vendorUrl = await vendor.call('listen');
    const proxyUrl = await proxy.call('listen', { vendorUrl, connections: Math.max(...CONNECTIONS) });
    const providers = {
      quick: compatibleProvider(`${vendorUrl}/0ms/${SIDE}px/v1`),
      parked: compatibleProvider(`${vendorUrl}/parked/${SIDE}px/v1`),
    };
    const models = Object.keys(providers).map((name) => compatibleModel(name));
    const starting = start({ settings: { providers, cache: { enabled: true } }, models });
    return withGateway(starting, async (gateway) => {
      const key = await gateway.createKey();
      const split = coreSplit();
      const isPinned =
        split !== undefined && pinAll([gateway.pid, proxy.pid], split.server) && pinAll([vendor.pid, load.pid, process.pid], split.others);
      try {
        const hits = await compareHits({ plan, load, proxyUrl, gateway, key, proxy });
        const flights = await fly({ plan, vendor, load, gateway, key });
        return report(hits, flights, isPinned);
      } finally {
        if (isPinned) pinAll([process.pid], `0-${split.others.split('-').at(-1)}`);
      }
    });
  });
}

function hitOrder(gateway, key, more) {
  const order = imageOrder(gateway.url, 'quick/image', key, more);
  return { ...order, headers: { ...order.headers, ...CACHED } };
}

async function compareHits({ plan, load, proxyUrl, gateway, key, proxy }) {
  const orders = {
    'bare proxy': (more) => ({ ...imageOrder(proxyUrl, 'image', undefined, more), path: `/0ms/${SIDE}px/v1/images/generations` }),
    LiteGen: (more) => hitOrder(gateway, key, { ...more, side: SIDE, wants: 'b64_json' }),
  };
  const pids = { 'bare proxy': proxy.pid, LiteGen: gateway.pid };
  const targets = Object.keys(orders);
  await measure(load, 'the result', orders.LiteGen({ requests: 1, connections: 1 }));
  for (const target of targets) await measure(load, `warm-up of ${target}`, orders[target]({ connections: 16, durationMs: plan.warmUpMs }));
  const figures = [];
  for (const connections of CONNECTIONS) {
    const runs = Object.fromEntries(targets.map((target) => [target, []]));
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const target of targets) {
        const order = orders[target]({ connections, durationMs: plan.durationMs, samples: 1 });
        runs[target].push(await measure(load, `${target} at c=${connections}`, order, pids[target]));
      }
    }
    const medians = Object.fromEntries(targets.map((target) => [target, medianOf(runs[target], ['requests', 'errors'])]));
    for (const target of targets) {
      figures.push({ connections, target, ...medians[target], ofBare: medians[target].rps / medians['bare proxy'].rps });
    }
  }
  const offered = await measure(
    load,
    `hits at ${OFFERED_PER_SECOND}/s`,
    orders.LiteGen({ rate: OFFERED_PER_SECOND, connections: 64, durationMs: plan.durationMs * 3 }),
    gateway.pid,
  );
  await expectHits(gateway);
  return { figures, offered };
}

/** A hit that asked the vendor would be none. */
async function expectHits(gateway) {
  const missed = sumOf(await gateway.metrics(), 'litegen_cache_requests_total', { result: 'miss' });
  if (missed !== 1) throw new Error(`${missed} requests asked the vendor; all but the first should have been hits`);
}

/** Requests that wait for the same result: how long after the vendor's answer the last of them has it. */
async function fly({ plan, vendor, load, gateway, key }) {
  const afterMs = [];
  for (let flight = 0; flight < plan.flights; flight += 1) {
    const order = imageOrder(gateway.url, 'parked/image', key, { requests: TOGETHER, connections: TOGETHER });
    const body = JSON.stringify({ ...JSON.parse(order.body), seed: flight });
    const before = await vendor.call('counts');
    const running = load.call('run', { ...order, headers: { ...order.headers, ...CACHED }, body });
    running.catch(() => undefined);
    await untilParked(vendor);
    await sleep(SETTLE_MS);
    const releasedAtMs = performance.now();
    await vendor.call('release');
    expectNoErrors('requests at once', await running);
    afterMs.push(performance.now() - releasedAtMs);
    const { requests } = await vendor.call('counts');
    if (requests - before.requests !== 1) throw new Error(`${requests - before.requests} vendor calls for one result`);
  }
  const sorted = Float64Array.from(afterMs).sort();
  return { flights: plan.flights, together: TOGETHER, p50Ms: percentile(sorted, 0.5), maxMs: percentile(sorted, 1) };
}

async function untilParked(vendor) {
  while ((await vendor.call('counts')).parked === 0) await sleep(5);
}

function report({ figures, offered }, flights, isPinned) {
  const rows = figures.map((figure) => ({
    c: figure.connections,
    through: figure.target,
    rps: number(figure.rps),
    '× bare': number(figure.ofBare, 2),
    'p50 ms': number(figure.p50Ms, 2),
    'p99 ms': number(figure.p99Ms, 2),
    'CPU ms': number(figure.cpuMsPerRequest, 3),
  }));
  const at = (connections) => figures.find((figure) => figure.target === 'LiteGen' && figure.connections === connections);
  const verdicts = [
    verdict('requests/s against the bare proxy, c=16', at(16).ofBare, '≥', 0.8, '×'),
    verdict('p99 of a hit, c=1', at(1).p99Ms, '≤', 10, 'ms'),
    verdict(`p99 of a hit at ${OFFERED_PER_SECOND}/s offered`, offered.p99Ms, '≤', 10, 'ms'),
    verdict(`all ${TOGETHER} of a shared call answered after the vendor, median of ${flights.flights}`, flights.p50Ms, '≤', 10, 'ms'),
  ];
  const note = isPinned
    ? 'Gateway and proxy on the first core, everything else on the others.'
    : 'Nothing was bound to a core: no taskset, or one core only.';
  return {
    text: [table(Object.keys(rows[0]), rows), note, verdictTable(verdicts)],
    verdicts,
    figures: { runs: figures, offered, flights, isPinned },
  };
}
