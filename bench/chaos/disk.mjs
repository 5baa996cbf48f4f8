// The disk under the files, and under the rows where these are in a SQLite file, fills and empties again and again under load.
import { setTimeout as sleep } from 'node:timers/promises';
import { mountSmallDisk, SqliteFiles } from '../lib/database.mjs';
import { number, verdict } from '../lib/report.mjs';
import { storm, stormReport } from '../lib/storm.mjs';

const ROUNDS = 10;
const MEGABYTES = 192;
const LOOK_EVERY_MS = 50;
const NOTICE_TIMEOUT_MS = 15_000;
const READY_TIMEOUT_MS = 30_000;
const AFTERWARDS_MS = 2_000;

export const title = 'disk: it fills and empties under load, ten times, with SQLite and with Postgres';

export async function run({ withCluster, isQuick, minutes }) {
  const rounds = isQuick ? 3 : ROUNDS;
  const calmMs = minutes === undefined ? (isQuick ? 1_000 : 4_000) : (minutes * 60_000) / rounds;
  const fullMs = isQuick ? 1_500 : 5_000;
  const parts = [];
  for (const name of ['sqlite', 'postgres']) {
    const disk = await mountSmallDisk(MEGABYTES);
    try {
      const place = name === 'sqlite' ? { databases: new SqliteFiles(), count: 1 } : {};
      const outcome = await storm({
        withCluster: (options, work) => withCluster({ ...place, dataDirectory: disk.path, ...options }, work),
        settings: { engine: { lease_seconds: 5 } },
        load: { connections: 64, rate: isQuick ? 15 : 25 },
        disturb: ({ cluster }) => fillAgainAndAgain({ cluster, disk, rounds, calmMs, fullMs }),
      });
      parts.push(report(name, outcome, rounds));
    } finally {
      disk.remove();
    }
  }
  return { text: parts.flatMap(({ text }) => text), verdicts: parts.flatMap(({ verdicts }) => verdicts) };
}

async function fillAgainAndAgain({ cluster, disk, rounds, calmMs, fullMs }) {
  const pids = cluster.replicas.map(({ pid }) => pid);
  const answers = new Map();
  const observed = { noticed: 0, told: 0, wrong: 0, recoveredMs: [], answers };
  for (let round = 0; round < rounds; round += 1) {
    await sleep(calmMs);
    disk.fill();
    const freeAtMs = performance.now() + fullMs;
    if (await becomes(cluster, 503, NOTICE_TIMEOUT_MS)) observed.noticed += 1;
    do {
      for (const replica of cluster.replicas) await ask(replica, observed);
      await sleep(LOOK_EVERY_MS);
    } while (performance.now() < freeAtMs);
    disk.free();
    const freedMs = performance.now();
    await becomes(cluster, 200, READY_TIMEOUT_MS);
    observed.recoveredMs.push(performance.now() - freedMs);
  }
  await sleep(AFTERWARDS_MS);
  return { ...observed, died: cluster.replicas.filter(({ pid, hasEnded }, index) => hasEnded || pid !== pids[index]).length };
}

/** New work while the disk is full, and whether readiness tells why. */
async function ask(replica, observed) {
  const body = { model: 'mock/chaos-image', prompt: `full ${observed.told + observed.wrong}` };
  const { statusCode, text } = await replica.request('POST', '/v1/images/generations', body);
  const code = JSON.parse(text).error?.code ?? 'none';
  const outcome = `${statusCode} ${code}`;
  observed.answers.set(outcome, (observed.answers.get(outcome) ?? 0) + 1);
  const ready = await replica.request('GET', '/health/ready');
  const { checks, reasons } = JSON.parse(ready.text);
  const tells = ready.statusCode === 503 && checks.storage === false && reasons.length > 0;
  if (statusCode === 503 && code === 'storage_unavailable' && tells) observed.told += 1;
  else observed.wrong += 1;
}

async function becomes(cluster, status, timeoutMs) {
  const deadlineMs = performance.now() + timeoutMs;
  while (performance.now() < deadlineMs) {
    const states = await Promise.all(cluster.replicas.map((replica) => replica.request('GET', '/health/ready')));
    if (states.every(({ statusCode }) => statusCode === status)) return true;
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

function report(name, outcome, rounds) {
  const { observed, facts } = outcome;
  const { text, verdicts } = stormReport(outcome);
  const slowest = Math.max(...observed.recoveredMs);
  const none = (what, value) => verdict(what, value, '=', 0, '', 0);
  const figures = [
    ...verdicts,
    verdict('times that every replica noticed', observed.noticed, '=', rounds, '', 0),
    none('answers meanwhile that were not 503 storage_unavailable, told by readiness', observed.wrong),
    verdict('answers meanwhile', observed.told, '≥', rounds, '', 0),
    none('replicas that died or were restarted', observed.died),
    none('unknown outcomes (no process died)', facts.unknownOutcomes),
    none(
      'jobs that failed',
      Object.values(facts.failures).reduce((sum, failed) => sum + failed, 0),
    ),
    verdict('ready again after there was room', slowest / 1000, '≤', 5, 's', 1),
  ];
  return {
    text: [
      `${name}: filled ${rounds} times; new work meanwhile: ${[...observed.answers].map(([answer, times]) => `${times} × ${answer}`).join(', ')}; ` +
        `ready again after at most ${number(slowest / 1000, 1)} s`,
      ...text,
    ],
    verdicts: figures.map((figure) => ({ ...figure, what: `${name}: ${figure.what}` })),
  };
}
