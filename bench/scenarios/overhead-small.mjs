// What the gateway adds to a small answer, beside the vendor itself and a bare proxy, in the same run.
import { coresNote, imageOrder, measure, warmUp, warmUpNote, withCores, withGateway, withHelpers } from '../lib/bench.mjs';
import { compatibleModel, compatibleProvider } from '../lib/gateway.mjs';
import { number, table, verdict, verdictTable } from '../lib/report.mjs';
import { medianOf } from '../lib/statistics.mjs';

const SIDE = 1;
const DELAYS_MS = [0, 50];
const CONNECTIONS = [1, 16, 128];
const OFFERED_PER_SECOND = 1000;
const TARGETS = ['vendor', 'bare proxy', 'LiteGen'];

export const title = 'overhead-small: a small picture, c = 1, 16, 128, vendor at 0 and 50 ms';

export function run({ start, isQuick, databases }) {
  const plan = isQuick ? { rounds: 2, durationMs: 800, isQuick } : { rounds: 3, durationMs: 2000, isQuick };
  return withHelpers(['vendor', 'proxy', 'load'], async (vendor, proxy, load) => {
    const vendorUrl = await vendor.call('listen');
    const proxyUrl = await proxy.call('listen', { vendorUrl, connections: Math.max(...CONNECTIONS) });
    const providers = Object.fromEntries(
      DELAYS_MS.map((delay) => [`after-${delay}ms`, compatibleProvider(`${vendorUrl}/${delay}ms/${SIDE}px/v1`)]),
    );
    const models = Object.keys(providers).map((name) => compatibleModel(name));
    return withGateway(start({ settings: { providers }, models }), async (gateway) => {
      const key = await gateway.createKey();
      return withCores({ servers: [gateway.pid, proxy.pid], others: [vendor.pid, load.pid], database: databases.pids() }, (isPinned) =>
        compare({ plan, load, vendorUrl, proxyUrl, gateway, key, proxy, isPinned }),
      );
    });
  });
}

async function compare({ plan, load, vendorUrl, proxyUrl, gateway, key, proxy, isPinned }) {
  const order = (target, delay, connections, more) => {
    const shared = { connections, ...more };
    if (target === 'LiteGen') return imageOrder(gateway.url, `after-${delay}ms/image`, key, shared);
    return {
      ...imageOrder(target === 'vendor' ? vendorUrl : proxyUrl, 'image', undefined, shared),
      path: `/${delay}ms/${SIDE}px/v1/images/generations`,
    };
  };
  const pids = { LiteGen: gateway.pid, 'bare proxy': proxy.pid };
  const warmUps = [];
  for (const target of TARGETS) warmUps.push(await warmUp(load, target, order(target, 0, 16), plan.isQuick));
  const figures = [];
  for (const delay of DELAYS_MS) {
    for (const connections of CONNECTIONS) {
      const runs = Object.fromEntries(TARGETS.map((target) => [target, []]));
      for (let round = 0; round < plan.rounds; round += 1) {
        for (const target of TARGETS) {
          const more = { durationMs: plan.durationMs, samples: 1, ...(target === 'LiteGen' ? { side: SIDE, wants: 'b64_json' } : {}) };
          runs[target].push(await measure(load, `${target} at c=${connections}`, order(target, delay, connections, more), pids[target]));
        }
      }
      const medians = Object.fromEntries(TARGETS.map((target) => [target, medianOf(runs[target], ['requests', 'errors'])]));
      for (const target of TARGETS) figures.push({ delay, connections, target, ...medians[target], ...against(medians, target) });
    }
  }
  const offered = await measure(
    load,
    `LiteGen at ${OFFERED_PER_SECOND}/s`,
    order('LiteGen', 0, 64, { rate: OFFERED_PER_SECOND, durationMs: plan.durationMs * 3 }),
    gateway.pid,
  );
  return report(figures, offered, [warmUpNote(warmUps, plan.isQuick), coresNote(isPinned)]);
}

function against(medians, target) {
  return {
    ofBare: medians[target].rps / medians['bare proxy'].rps,
    addedP50Ms: medians[target].p50Ms - medians.vendor.p50Ms,
    addedP99Ms: medians[target].p99Ms - medians.vendor.p99Ms,
  };
}

function report(figures, offered, notes) {
  const rows = figures.map((figure) => ({
    'vendor ms': figure.delay,
    c: figure.connections,
    through: figure.target,
    rps: number(figure.rps),
    '× bare': number(figure.ofBare, 2),
    'p50 ms': number(figure.p50Ms, 2),
    'p99 ms': number(figure.p99Ms, 2),
    '+p50': number(figure.addedP50Ms, 2),
    '+p99': number(figure.addedP99Ms, 2),
    'CPU ms': number(figure.cpuMsPerRequest, 3),
  }));
  const of = (delay, connections) =>
    figures.find((figure) => figure.target === 'LiteGen' && figure.delay === delay && figure.connections === connections);
  const verdicts = [
    verdict('requests/s against the bare proxy, c=16, vendor 0 ms', of(0, 16).ofBare, '≥', 0.25, '×', 3),
    verdict('requests/s against the bare proxy, c=128, vendor 0 ms', of(0, 128).ofBare, '≥', 0.33, '×', 3),
    verdict('CPU per request, c=16, vendor 0 ms', of(0, 16).cpuMsPerRequest, '≤', 0.3, 'ms', 3),
    verdict('CPU per request, c=128, vendor 0 ms', of(0, 128).cpuMsPerRequest, '≤', 0.2, 'ms', 3),
    verdict('added p50, c=1, vendor 0 ms', of(0, 1).addedP50Ms, '≤', 1, 'ms'),
    verdict('added p99, c=128, vendor 50 ms', of(50, 128).addedP99Ms, '≤', 25, 'ms'),
    verdict(`p50 at ${OFFERED_PER_SECOND} requests/s offered`, offered.p50Ms, '≤', 3, 'ms'),
    verdict(`p99 at ${OFFERED_PER_SECOND} requests/s offered`, offered.p99Ms, '≤', 15, 'ms'),
  ];
  return {
    text: [table(Object.keys(rows[0]), rows), notes.join('\n'), verdictTable(verdicts)],
    verdicts,
    figures: { runs: figures, offered, notes },
  };
}
