// Edits with big uploads: memory must not follow the size of what passes through, and what is too big is refused at once.
import { withGateway, withHelpers } from '../lib/bench.mjs';
import { expectNoErrors } from '../lib/errors.mjs';
import { compatibleModel, compatibleProvider } from '../lib/gateway.mjs';
import { sideFor } from '../lib/picture.mjs';
import { rssBytes, watchPeakRss } from '../lib/process-facts.mjs';
import { megabytes, number, table, verdict, verdictTable } from '../lib/report.mjs';

const UPLOAD_BYTES = 49_900_000;
const TOO_BIG_BYTES = 100_000_000;
const AT_ONCE = 8;
const WARM_UP_BYTES = 1_000_000;
const BEFORE_READING = 'form announced with 40 GB';
/** What the header announces: the truth, nothing, or more than any form may have. */
const REFUSALS = [
  ['file of 100 MB, length announced', 'true'],
  ['file of 100 MB, length unknown', undefined],
  [BEFORE_READING, 40_000_000_000],
];

export const title = 'uploads: edits of 50 MB, and one of 100 MB that is over the cap';

export function run({ start, isQuick }) {
  return withHelpers(['vendor', 'load'], async (vendor, load) => {
    const vendorUrl = await vendor.call('listen');
    const providers = { edits: compatibleProvider(`${vendorUrl}/0ms/64px/v1`) };
    const starting = start({ settings: { providers }, models: [compatibleModel('edits')], isMonitored: true });
    return withGateway(starting, async (gateway) => {
      const key = await gateway.createKey();
      const order = (bytes, more) => ({
        url: gateway.url,
        path: '/v1/images/edits',
        headers: { authorization: `Bearer ${key}` },
        upload: { side: sideFor(bytes), fields: { model: 'edits/image', prompt: 'make the sky teal', response_format: 'b64_json' } },
        ...more,
      });
      expectNoErrors('warm-up', await load.call('run', order(WARM_UP_BYTES, { requests: 40, connections: AT_ONCE })));
      const before = rssBytes(gateway.pid);
      const received = await vendor.call('counts');
      const peakRss = watchPeakRss(gateway.pid);
      await gateway.ask('start');
      const requests = isQuick ? 16 : 50;
      const result = expectNoErrors('edits', await load.call('run', order(UPLOAD_BYTES, { requests, connections: AT_ONCE })));
      const stalls = await gateway.ask('stop');
      const growthBytes = peakRss() - before;
      const sentOn = (await vendor.call('counts')).bodyBytes - received.bodyBytes;
      if (sentOn < requests * UPLOAD_BYTES * 0.99) throw new Error(`the vendor received ${sentOn} bytes of ${requests} edits`);
      const refusals = [];
      for (const [name, announcedBytes] of REFUSALS)
        refusals.push(await refuse(gateway, load, { name, ...order(TOO_BIG_BYTES), announcedBytes }));
      return report({ requests, result, before, growthBytes, stalls, refusals });
    });
  });
}

async function refuse(gateway, load, order) {
  const before = rssBytes(gateway.pid);
  const peakRss = watchPeakRss(gateway.pid);
  const answer = await load.call('refusedUpload', order);
  if (answer.status !== 413) throw new Error(`an upload over the cap answered ${answer.status}: ${answer.text}`);
  return { name: order.name, ...answer, growthBytes: peakRss() - before };
}

function report({ requests, result, before, growthBytes, stalls, refusals }) {
  const passed = {
    edits: requests,
    'at once': AT_ONCE,
    seconds: number(result.elapsedMs / 1000, 1),
    'MB/s': number((requests * UPLOAD_BYTES) / 1000 / result.elapsedMs),
    'RSS before MB': megabytes(before),
    'growth MB': megabytes(growthBytes),
    'longest stall ms': number(stalls.longestStallMs, 1),
  };
  const refused = refusals.map(({ name, status, sentBytes, elapsedMs, growthBytes: grown }) => ({
    'over the cap': name,
    status,
    'sent before the answer MB': megabytes(sentBytes, 1),
    'after ms': number(elapsedMs),
    'growth MB': megabytes(grown, 1),
  }));
  const announced = refusals.find(({ name }) => name === BEFORE_READING);
  const verdicts = [
    verdict('memory growth', growthBytes / 1e6, '≤', 150, 'MB', 0),
    verdict('memory growth of a refusal', Math.max(...refusals.map((refusal) => refusal.growthBytes)) / 1e6, '≤', 20, 'MB', 1),
    verdict('sent before 413, form announced over all caps', announced.sentBytes / 1e6, '≤', 5, 'MB', 1),
  ];
  return {
    text: [table(Object.keys(passed), [passed]), table(Object.keys(refused[0]), refused), verdictTable(verdicts)],
    verdicts,
    figures: { requests, before, growthBytes, ...stalls, elapsedMs: result.elapsedMs, refusals },
  };
}
