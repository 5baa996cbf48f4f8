// A plugin floods, hangs, brings its answers too late and throws where nobody listens, beside a vendor that works. The others are served meanwhile,
// what was made is delivered, and the plugin is named and disabled.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { query } from '../lib/audit.mjs';
import { parseMetrics, sumOf } from '../lib/metrics.mjs';
import { rssBytes, watchPeakRss } from '../lib/process-facts.mjs';
import { number, verdict } from '../lib/report.mjs';

const PLUGIN = fileURLToPath(new URL('unruly-plugin', import.meta.url));
const UNRULY = { model: 'unruly/image' };
const PATIENT = { model: 'unruly/patient' };
const PROBE_EVERY_MS = 50;
const END_TIMEOUT_MS = 60_000;
/** Fewer than disable a plugin at once. */
const HANGING = 12;
const STRAYS = ['throw', 'reject', 'unawaited', 'throw', 'reject'];

export const title = 'plugin: one that floods, hangs, comes too late and throws, beside a vendor that works';

export async function run({ start, isQuick }) {
  const rounds = isQuick ? 1 : 4;
  const settings = {
    plugins: { directories: [PLUGIN] },
    // It has no vendor; only what its calls may reach is named.
    providers: { unruly: { api_base: 'http://127.0.0.1:9' } },
    engine: { tick_ms: 50, lease_seconds: 3, poll_timeout_seconds: 1 },
  };
  const gateway = await start({ settings });
  try {
    const ask = (model, prompt) => gateway.request('POST', '/v1/images/generations', { ...model, prompt });
    await ask({ model: 'mock/paint' }, 'warm');
    const calmBytes = rssBytes(gateway.pid);
    const peakBytes = watchPeakRss(gateway.pid);
    const others = probe(gateway);
    const beganMs = performance.now();
    const delivered = { asked: 0, came: 0 };
    const deliver = async (model, prompt) => {
      delivered.asked += 1;
      const { statusCode } = await ask(model, prompt);
      if (statusCode === 200) delivered.came += 1;
    };
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(Array.from({ length: 4 }, () => deliver(PATIENT, 'flood')));
      await Promise.all(Array.from({ length: 4 }, () => deliver(PATIENT, 'many')));
      // These end; those of the last round do not.
      await Promise.all(['late', 'lateJob', 'lateError', 'hangStatus'].map((word) => ask(UNRULY, word)));
      await sleep(3_000);
    }
    await Promise.all([
      ...Array.from({ length: HANGING }, () => ask(UNRULY, 'hang')),
      ...Array.from({ length: 20 }, () => deliver(PATIENT, 'paint')),
    ]);
    for (const kind of STRAYS) await deliver(PATIENT, `stray ${kind}`);
    await sleep(500);
    const refused = await ask(UNRULY, 'paint');
    const readiness = JSON.parse((await gateway.request('GET', '/health/ready')).text);
    const { text: metricsText } = await gateway.request('GET', '/metrics');
    await others.stop();
    const unended = await untilEnded(gateway.database.url);
    return report({
      rounds,
      seconds: (performance.now() - beganMs) / 1000,
      others,
      grownBytes: peakBytes() - calmBytes,
      delivered,
      unended,
      lost: await lostOf(gateway.database.url),
      refused,
      readiness,
      metricsText,
      hasEnded: gateway.hasEnded,
      isNamed: gateway.logs(50_000_000).includes('The plugin unruly is disabled'),
    });
  } finally {
    await gateway.stop();
  }
}

/** Asks another vendor for pictures, and whether the process lives, all the while. */
function probe(gateway) {
  const facts = { served: 0, failed: 0, slowestLiveMs: 0 };
  let isOver = false;
  const loop = async (once) => {
    while (!isOver) {
      await once();
      await sleep(PROBE_EVERY_MS);
    }
  };
  const paint = async () => {
    const status = await gateway.request('POST', '/v1/images/generations', { model: 'mock/paint', prompt: 'a boat' }).then(
      ({ statusCode }) => statusCode,
      () => 0,
    );
    if (status === 200) facts.served += 1;
    else facts.failed += 1;
  };
  const live = async () => {
    const beganMs = performance.now();
    await gateway.request('GET', '/health/live').catch(() => (facts.failed += 1));
    facts.slowestLiveMs = Math.max(facts.slowestLiveMs, performance.now() - beganMs);
  };
  const running = Promise.all([loop(paint), loop(paint), loop(live)]);
  return {
    facts,
    stop: async () => {
      isOver = true;
      await running;
    },
  };
}

/** Generations that have no end although all deadlines have passed. */
async function untilEnded(databaseUrl) {
  for (const untilMs = performance.now() + END_TIMEOUT_MS; ; ) {
    const [{ count }] = await query(
      databaseUrl,
      "SELECT count(*) AS count FROM generations WHERE status NOT IN ('completed', 'failed', 'cancelled')",
    );
    if (Number(count) === 0 || performance.now() > untilMs) return Number(count);
    await sleep(100);
  }
}

/** Completed without a file, or paid without being completed. */
async function lostOf(databaseUrl) {
  const [{ count }] = await query(
    databaseUrl,
    `SELECT count(*) AS count FROM generations g WHERE
       (g.status = 'completed' AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.generation_id = g.id AND a.direction = 'output'))
       OR (g.status <> 'completed' AND g.cost_micros > 0)`,
  );
  return Number(count);
}

function report(seen) {
  const { others, delivered, refused, readiness, metricsText } = seen;
  const metrics = parseMetrics(metricsText);
  const faults = (kind) => sumOf(metrics, 'litegen_plugin_faults_total', { plugin: 'unruly', kind });
  const isRefused = refused.statusCode === 503 && refused.text.includes('provider_unavailable') && refused.text.includes('unruly');
  const isTold = readiness.status === 'ready' && readiness.checks.plugins_taken_out.includes('unruly');
  return {
    text: [
      `${seen.rounds} rounds in ${number(seen.seconds)} s: ${delivered.asked} pictures asked of the plugin, ${others.facts.served} of another vendor meanwhile; ` +
        `${faults('abandoned_call')} calls given up, ${faults('uncaught_exception')} errors in timers, ${faults('unhandled_rejection')} rejections that nobody saw`,
    ],
    verdicts: [
      verdict('requests of others that failed', others.facts.failed, '=', 0, '', 0),
      verdict('requests of others that were served', others.facts.served, '≥', 50, '', 0),
      verdict('process that died', Number(seen.hasEnded), '=', 0, '', 0),
      verdict('pictures that were made and not delivered', delivered.asked - delivered.came, '=', 0, '', 0),
      verdict('completed without a file, or paid and not completed', seen.lost, '=', 0, '', 0),
      verdict('generations without an end', seen.unended, '=', 0, '', 0),
      verdict('stray errors that were counted', faults('uncaught_exception') + faults('unhandled_rejection'), '=', STRAYS.length, '', 0),
      verdict('calls that were given up and counted', faults('abandoned_call'), '≥', HANGING, '', 0),
      verdict('plugin named in the log, told by readiness, its models 503', Number(seen.isNamed && isTold && isRefused), '=', 1, '', 0),
      verdict('memory that it grew by', seen.grownBytes / 1e6, '≤', 256, 'MB', 0),
      verdict('slowest sign of life', others.facts.slowestLiveMs / 1000, '≤', 1, 's', 2),
    ],
    figures: seen,
  };
}
