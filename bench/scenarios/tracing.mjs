// What traces of one request in ten cost, against the same gateway without them.
import { coresNote, imageOrder, measure, warmUp, warmUpNote, withCores, withGateway, withHelpers } from '../lib/bench.mjs';
import { compatibleModel, compatibleProvider } from '../lib/gateway.mjs';
import { number, table, verdict, verdictTable } from '../lib/report.mjs';
import { medianOf } from '../lib/statistics.mjs';

const SAMPLE_RATIO = 0.1;
const CONNECTIONS = 16;

export const title = `tracing: ${SAMPLE_RATIO * 100} % of the requests, exported over OTLP`;

export function run({ start, isQuick, databases }) {
  const plan = isQuick ? { rounds: 3, durationMs: 800 } : { rounds: 5, durationMs: 2000 };
  return withHelpers(['vendor', 'load', 'otlp-sink'], async (vendor, load, sink) => {
    const vendorUrl = await vendor.call('listen');
    const sinkUrl = await sink.call('listen');
    const providers = { small: compatibleProvider(`${vendorUrl}/0ms/1px/v1`) };
    const models = [compatibleModel('small')];
    const traced = { providers, otlp_endpoint: sinkUrl, observability: { trace_sample_ratio: SAMPLE_RATIO } };
    return withGateway(start({ settings: { providers }, models }), (plain) =>
      withGateway(start({ settings: traced, models }), (tracing) =>
        withCores({ servers: [plain.pid, tracing.pid], others: [vendor.pid, load.pid, sink.pid], database: databases.pids() }, (isPinned) =>
          compare({ gateways: { 'without traces': plain, 'with traces': tracing }, load, sink, plan, isPinned, isQuick }),
        ),
      ),
    );
  });
}

async function compare({ gateways, load, sink, plan, isPinned, isQuick }) {
  const runs = Object.fromEntries(Object.keys(gateways).map((name) => [name, []]));
  const orders = {};
  const warmUps = [];
  for (const [name, gateway] of Object.entries(gateways)) {
    orders[name] = imageOrder(gateway.url, 'small/image', await gateway.createKey(), { connections: CONNECTIONS });
    warmUps.push(await warmUp(load, name, orders[name], isQuick));
  }
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const [name, gateway] of Object.entries(gateways)) {
      runs[name].push(await measure(load, name, { ...orders[name], durationMs: plan.durationMs }, gateway.pid));
    }
  }
  const exported = await sink.call('counts');
  if (exported.exports === 0) throw new Error('no trace was exported');
  const medians = Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, medianOf(list, ['requests', 'errors'])]));
  return report(medians, exported, [warmUpNote(warmUps, isQuick), coresNote(isPinned)]);
}

function report(medians, exported, notes) {
  const rows = Object.entries(medians).map(([name, { rps, p50Ms, p99Ms, cpuMsPerRequest }]) => ({
    '': name,
    rps: number(rps),
    'p50 ms': number(p50Ms, 2),
    'p99 ms': number(p99Ms, 2),
    'CPU ms': number(cpuMsPerRequest, 3),
  }));
  const factor = medians['with traces'].cpuMsPerRequest / medians['without traces'].cpuMsPerRequest;
  const verdicts = [verdict('CPU per request against none', factor, '≤', 1.5, '×')];
  const text = [`Exports: ${exported.exports}, ${number(exported.bytes / 1e6, 1)} MB.`, ...notes].join('\n');
  return { text: [table(Object.keys(rows[0]), rows), text, verdictTable(verdicts)], verdicts, figures: { medians, exported, notes } };
}
