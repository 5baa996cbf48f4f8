// Big base64 answers: memory, stalls of the event loop, and what becomes of small requests beside them.
import { imageOrder, measure, pinAll, withGateway, withHelpers } from '../lib/bench.mjs';
import { expectNoErrors } from '../lib/errors.mjs';
import { compatibleModel, compatibleProvider } from '../lib/gateway.mjs';
import { sideFor } from '../lib/picture.mjs';
import { coreSplit, rssBytes, watchPeakRss } from '../lib/process-facts.mjs';
import { megabytes, number, table, verdict, verdictTable } from '../lib/report.mjs';
import { medianOf } from '../lib/statistics.mjs';

const IN_FLIGHT = 64;
const VENDOR_DELAY_MS = 300;
const SMALL_CONNECTIONS = 4;
/** A machine that others use stalls whoever runs on it now and then; the median of some rounds does not hang on that. */
const ROUNDS = 3;
const WARM_UP_REQUESTS = 16;
const SIZES = [
  { name: '200 KB', side: sideFor(200_000), waves: 4 },
  { name: '1.5 MB', side: sideFor(1_500_000), waves: 3 },
  { name: '8 MB', side: sideFor(8_000_000), waves: 2 },
];

export const title = `big-b64: answers of 200 KB, 1.5 MB and 8 MB, ${IN_FLIGHT} in flight, small requests beside them`;

export function run({ start, isQuick }) {
  return withHelpers(['vendor', 'load', 'load', 'idle'], async (vendor, load, smallLoad, idle) => {
    const vendorUrl = await vendor.call('listen');
    const split = coreSplit();
    // The gateway may use every core, for its threads too; what plays its surroundings keeps off the first one.
    if (split !== undefined) pinAll([vendor.pid, load.pid, smallLoad.pid, idle.pid], split.others);
    const rows = [];
    // A gateway for each, so that memory grown by one does not hide that of the next.
    for (const size of SIZES) {
      for (const wants of ['url', 'b64_json']) {
        const providers = {
          big: compatibleProvider(`${vendorUrl}/${VENDOR_DELAY_MS}ms/${size.side}px/v1`),
          small: compatibleProvider(`${vendorUrl}/0ms/1px/v1`),
        };
        const models = [compatibleModel('big'), compatibleModel('small')];
        const starting = start({ settings: { providers }, models, isMonitored: true });
        rows.push(
          await withGateway(starting, (gateway) => one({ gateway, load, smallLoad, idle, size, wants, waves: isQuick ? 1 : size.waves })),
        );
      }
    }
    return report(rows);
  });
}

async function one({ gateway, load, smallLoad, idle, size, wants, waves }) {
  const key = await gateway.createKey();
  const small = (more) => imageOrder(gateway.url, 'small/image', key, { connections: SMALL_CONNECTIONS, ...more });
  const order = imageOrder(gateway.url, 'big/image', key, {
    requests: IN_FLIGHT * waves,
    connections: IN_FLIGHT,
    samples: 2,
    side: size.side,
    wants,
  });
  order.body = JSON.stringify({ ...JSON.parse(order.body), response_format: wants });
  await measure(smallLoad, 'warm-up', small({ durationMs: 1500, connections: 32 }));
  const alone = await measure(smallLoad, 'small requests alone', small({ durationMs: 1500 }));
  const before = rssBytes(gateway.pid);
  const peakRss = watchPeakRss(gateway.pid);
  await measure(load, 'warm-up', { ...order, requests: WARM_UP_REQUESTS, samples: 0 });
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await oneRound());
  return {
    size: size.name,
    wants,
    ...medianOf(rounds, ['requests', 'checked']),
    growthBytes: peakRss() - before,
    beforeBytes: before,
    worstStallMs: Math.max(...rounds.map(({ longestStallMs }) => longestStallMs)),
    smallAloneP99Ms: alone.p99Ms,
  };

  async function oneRound() {
    await gateway.ask('start');
    await idle.call('start');
    let isOver = false;
    const beside = smallUntil(smallLoad, small({ durationMs: 400 }), () => isOver);
    let big;
    try {
      big = expectNoErrors(`${size.name} to ${wants}`, await load.call('run', order));
    } finally {
      isOver = true;
    }
    const smallP99Ms = await beside;
    const idleStallMs = await idle.call('stop');
    const { longestStallMs, stallP99Ms, longestPauseMs } = await gateway.ask('stop');
    const { requests, rps: bigPerSecond, p50Ms: bigP50Ms, checked } = big;
    return { requests, bigPerSecond, bigP50Ms, checked, longestStallMs, stallP99Ms, longestPauseMs, idleStallMs, smallP99Ms };
  }
}

/** The worst p99 of short runs, one after the other, as long as the big ones last. */
async function smallUntil(load, order, isOver) {
  let worst = 0;
  do worst = Math.max(worst, (await measure(load, 'small requests beside', order)).p99Ms);
  while (!isOver());
  return worst;
}

function report(rows) {
  const shown = rows.map((row) => ({
    answer: row.size,
    to: row.wants,
    requests: row.requests,
    'per s': number(row.bigPerSecond, 1),
    'p50 ms': number(row.bigP50Ms),
    'RSS before MB': megabytes(row.beforeBytes),
    'growth MB': megabytes(row.growthBytes),
    'longest stall ms': number(row.longestStallMs, 1),
    'worst of all': number(row.worstStallMs, 1),
    'idle process': number(row.idleStallMs, 1),
    'stall p99 ms': number(row.stallP99Ms, 1),
    'longest GC ms': number(row.longestPauseMs, 1),
    'small alone p99': number(row.smallAloneP99Ms, 1),
    'small p99 ms': number(row.smallP99Ms, 1),
    checked: row.checked,
  }));
  const worst = (field) => Math.max(...rows.map((row) => row[field]));
  const eight = Math.max(...rows.filter(({ size }) => size === '8 MB').map(({ growthBytes }) => growthBytes));
  const verdicts = [
    verdict(`memory growth at ${IN_FLIGHT} × 8 MB`, eight / 1e6, '≤', 256, 'MB', 0),
    verdict(`longest stall of the event loop, median of ${ROUNDS} rounds`, worst('longestStallMs'), '≤', 20, 'ms', 1),
    verdict('p99 of small requests beside, median', worst('smallP99Ms'), '≤', 30, 'ms', 1),
  ];
  return { text: [table(Object.keys(shown[0]), shown), verdictTable(verdicts)], verdicts, figures: rows };
}
