// Requests that wait for a slow vendor: what one costs in memory, and whether others feel them.
import { setTimeout as sleep } from 'node:timers/promises';
import { imageOrder, measure, withGateway, withHelpers } from '../lib/bench.mjs';
import { expectNoErrors } from '../lib/errors.mjs';
import { compatibleModel, compatibleProvider } from '../lib/gateway.mjs';
import { descriptorLimit, rssBytes } from '../lib/process-facts.mjs';
import { number, table, verdict, verdictTable } from '../lib/report.mjs';

/** What the gateway opens besides: database, files, small requests. */
const OTHER_DESCRIPTORS = 400;
/** A connection to the caller and one to the vendor. */
const DESCRIPTORS_EACH = 2;
/** The most calls that the engine makes at once, less room for the small ones. */
const MOST_CALLS = 10_000;
const SMALL_CONNECTIONS = 4;
const PARK_TIMEOUT_MS = 60_000;

export const title = 'waiting: requests parked on a slow vendor, small requests beside them';

export function run({ start, isQuick }) {
  const possible = Math.min(Math.floor((descriptorLimit() - OTHER_DESCRIPTORS) / DESCRIPTORS_EACH), MOST_CALLS - SMALL_CONNECTIONS);
  const counts = [...new Set((isQuick ? [1000] : [1000, 10_000]).map((count) => Math.min(count, possible)))];
  return withHelpers(['vendor', 'load', 'load'], async (vendor, load, smallLoad) => {
    const vendorUrl = await vendor.call('listen');
    const providers = { parked: compatibleProvider(`${vendorUrl}/parked/1px/v1`), small: compatibleProvider(`${vendorUrl}/0ms/1px/v1`) };
    const models = [
      compatibleModel('parked', { limits: { deadline_seconds: 900, headers_timeout_seconds: 600 } }),
      compatibleModel('small'),
    ];
    const settings = { providers, engine: { max_concurrent_tasks: MOST_CALLS } };
    const rows = [];
    for (const count of counts) {
      const starting = start({ settings, models, isMonitored: true });
      rows.push(await withGateway(starting, (gateway) => park({ gateway, vendor, load, smallLoad, count, isQuick })));
    }
    return report(rows);
  });
}

async function park({ gateway, vendor, load, smallLoad, count, isQuick }) {
  const key = await gateway.createKey();
  const small = (more) => imageOrder(gateway.url, 'small/image', key, { connections: SMALL_CONNECTIONS, ...more });
  const durationMs = isQuick ? 1500 : 4000;
  await measure(smallLoad, 'warm-up', small({ durationMs: 2000, connections: 32 }));
  const alone = await measure(smallLoad, 'small requests alone', small({ durationMs }));
  const before = { liveBytes: await gateway.ask('live'), rssBytes: rssBytes(gateway.pid) };
  const parked = load.call('run', imageOrder(gateway.url, 'parked/image', key, { requests: count, connections: count }));
  parked.catch(() => undefined);
  const parkedAfterMs = await untilParked(vendor, count, parked);
  const during = { liveBytes: await gateway.ask('live'), rssBytes: rssBytes(gateway.pid) };
  await gateway.ask('start');
  const beside = await measure(smallLoad, 'small requests beside', small({ durationMs }));
  const { longestStallMs } = await gateway.ask('stop');
  await vendor.call('release');
  const result = expectNoErrors('parked requests', await parked);
  return {
    count,
    answered: result.requests,
    parkedAfterMs,
    liveBytesEach: (during.liveBytes - before.liveBytes) / count,
    rssBytesEach: (during.rssBytes - before.rssBytes) / count,
    smallAloneP99Ms: alone.p99Ms,
    smallP99Ms: beside.p99Ms,
    smallAloneRps: alone.rps,
    smallRps: beside.rps,
    longestStallMs,
  };
}

async function untilParked(vendor, count, run) {
  const startedAtMs = performance.now();
  let hasEnded = false;
  run.finally(() => (hasEnded = true)).catch(() => undefined);
  for (;;) {
    const { parked } = await vendor.call('counts');
    if (parked === count) return performance.now() - startedAtMs;
    if (hasEnded) expectNoErrors('parked requests', await run);
    if (performance.now() - startedAtMs > PARK_TIMEOUT_MS)
      throw new Error(`only ${parked} of ${count} requests reached the vendor in ${PARK_TIMEOUT_MS} ms`);
    await sleep(50);
  }
}

function report(rows) {
  const shown = rows.map((row) => ({
    parked: row.count,
    'all at the vendor after s': number(row.parkedAfterMs / 1000, 1),
    'live KB each': number(row.liveBytesEach / 1000, 1),
    'RSS KB each': number(row.rssBytesEach / 1000, 1),
    'small p99 alone ms': number(row.smallAloneP99Ms, 1),
    'beside ms': number(row.smallP99Ms, 1),
    'small rps alone': number(row.smallAloneRps),
    beside: number(row.smallRps),
    'longest stall ms': number(row.longestStallMs, 1),
  }));
  const verdicts = rows.flatMap((row) => [
    verdict(`memory of each of ${row.count}`, row.rssBytesEach / 1000, '≤', 15, 'KB', 1),
    verdict(`small requests beside ${row.count}, p99 against alone`, row.smallP99Ms / row.smallAloneP99Ms, '≤', 1.5, '×'),
  ]);
  return { text: [table(Object.keys(shown[0]), shown), verdictTable(verdicts)], verdicts, figures: rows };
}
