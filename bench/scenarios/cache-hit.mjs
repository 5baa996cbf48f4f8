// The same request again and again: from the cache, beside a bare proxy that asks the vendor each time; then some at once for one vendor call.
import { setTimeout as sleep } from 'node:timers/promises';
import { coresNote, imageOrder, measure, warmUp, warmUpNote, withCores, withGateway, withHelpers } from '../lib/bench.mjs';
import { expectNoErrors } from '../lib/errors.mjs';
import { compatibleModel, compatibleProvider } from '../lib/gateway.mjs';
import { sumOf } from '../lib/metrics.mjs';
import { number, table, verdict, verdictTable } from '../lib/report.mjs';
import { medianOf, percentile } from '../lib/statistics.mjs';

const SIDE = 1;
const CONNECTIONS = [1, 16, 128];
/** Hits per second that are offered; what the gateway can serve at most is another figure. */
const OFFERED_PER_SECOND = 200;
/** Requests that share a call, as often as makes the same rate; and a crowd, whose answers keep the one core busy for longer than the limit. */
const SHARED = { together: 10, everyMs: 50, settleMs: 20 };
const CROWD = { together: 50, everyMs: 0, settleMs: 300 };
/** Each call of a vendor is for another picture. */
let nextSeed = 0;
const CACHED = { 'x-litegen-cache-ttl': '3600' };

export const title = 'cache-hit: hits at c = 1, 16, 128 and when they are due; 10 and 50 requests at once for one vendor call';

export function run({ start, isQuick, databases }) {
  const plan = isQuick
    ? { rounds: 2, durationMs: 1000, isQuick, shared: 40, crowds: 5 }
    : { rounds: 3, durationMs: 3000, isQuick, shared: 150, crowds: 20 };
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
      return withCores(
        { servers: [gateway.pid, proxy.pid], others: [vendor.pid, load.pid], database: databases.pids() },
        async (isPinned) => {
          const hits = await compareHits({ plan, load, proxyUrl, gateway, key, proxy });
          const parties = { vendor, load, gateway, key };
          const share = { ...SHARED, calls: plan.shared };
          // The first time is a warm-up.
          await measureCoalesced(parties, share);
          const coalesced = [await measureCoalesced(parties, share), await measureCoalesced(parties, { ...CROWD, calls: plan.crowds })];
          return report(hits, coalesced, coresNote(isPinned));
        },
      );
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
  const warmUps = [];
  for (const target of targets) warmUps.push(await warmUp(load, target, orders[target]({ connections: 16 }), plan.isQuick));
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
  return { figures, offered, note: warmUpNote(warmUps, plan.isQuick) };
}

/** A hit that asked the vendor would be none. */
async function expectHits(gateway) {
  const missed = sumOf(await gateway.metrics(), 'litegen_cache_requests_total', { result: 'miss' });
  if (missed !== 1) throw new Error(`${missed} requests asked the vendor; all but the first should have been hits`);
}

/** Requests that wait for the same result: how long after the vendor's answer each of them has it. */
async function measureCoalesced({ vendor, load, gateway, key }, { together, everyMs, settleMs, calls }) {
  const afterMs = [];
  const startedAtMs = performance.now();
  for (let call = 0; call < calls; call += 1) {
    const next = sleep(everyMs);
    const order = imageOrder(gateway.url, 'parked/image', key, { requests: together, connections: together, tellsEnds: true });
    nextSeed += 1;
    const body = JSON.stringify({ ...JSON.parse(order.body), seed: nextSeed });
    const before = await vendor.call('counts');
    const running = load.call('run', { ...order, headers: { ...order.headers, ...CACHED }, body });
    running.catch(() => undefined);
    await untilParked(vendor);
    await sleep(settleMs);
    const { releasedAtMs } = await vendor.call('release');
    const { endedAtMs } = expectNoErrors('requests at once', await running);
    afterMs.push(...endedAtMs.map((endMs) => endMs - releasedAtMs));
    const { requests } = await vendor.call('counts');
    if (requests - before.requests !== 1) throw new Error(`${requests - before.requests} vendor calls for one result`);
    await next;
  }
  const sorted = Float64Array.from(afterMs).sort();
  return {
    together,
    calls,
    perSecond: (together * calls * 1000) / (performance.now() - startedAtMs),
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: percentile(sorted, 1),
  };
}

async function untilParked(vendor) {
  while ((await vendor.call('counts')).parked === 0) await sleep(5);
}

function report({ figures, offered, note }, coalesced, cores) {
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
    verdict('requests/s against the bare proxy, c=16', at(16).ofBare, '≥', 0.35, '×', 3),
    verdict('p99 of a hit, c=1', at(1).p99Ms, '≤', 10, 'ms'),
    verdict(`p99 of a hit at ${OFFERED_PER_SECOND}/s offered`, offered.p99Ms, '≤', 10, 'ms'),
    verdict(`p99 after the vendor's answer, ${SHARED.together} requests share a call`, coalesced[0].p99Ms, '≤', 10, 'ms'),
  ];
  const shared = coalesced.map((one) => ({
    'requests share a call': one.together,
    calls: one.calls,
    'requests per s': number(one.perSecond),
    'after the vendor p50 ms': number(one.p50Ms, 1),
    'p99 ms': number(one.p99Ms, 1),
    'max ms': number(one.maxMs, 1),
  }));
  const notes = [note, cores];
  return {
    text: [table(Object.keys(rows[0]), rows), notes.join('\n'), table(Object.keys(shared[0]), shared), verdictTable(verdicts)],
    verdicts,
    figures: { runs: figures, offered, coalesced, notes },
  };
}
