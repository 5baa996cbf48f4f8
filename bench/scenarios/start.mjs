// From nothing to the first answer, with every plugin of the repository configured.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../scripts/files.mjs';
import { withGateway } from '../lib/bench.mjs';
import { cpuMs, rssBytes } from '../lib/process-facts.mjs';
import { megabytes, number, table, verdict, verdictTable } from '../lib/report.mjs';
import { medianOf } from '../lib/statistics.mjs';

const IDLE_MS = 5000;

export const title = 'start: to the first answer and the first picture, all plugins, and idle memory';

export async function run({ start, isQuick }) {
  const environment = placeholders();
  const runs = [];
  for (let round = 0; round < (isQuick ? 3 : 5); round += 1) runs.push(await once(start, environment));
  const medians = medianOf(runs);
  const row = {
    starts: runs.length,
    plugins: readdirSync(join(ROOT, 'plugins')).length,
    'first 200 ms': number(medians.liveAfterMs),
    'CPU ms': number(medians.liveCpuMs),
    'first picture ms': number(medians.pictureAfterMs),
    'RSS at once MB': megabytes(medians.readyRssBytes),
    'idle RSS MB': megabytes(medians.idleRssBytes),
  };
  const verdicts = [
    verdict('start to the first 200', medians.liveAfterMs / 1000, '≤', 1, 's'),
    verdict(`memory after ${IDLE_MS / 1000} s of idling`, medians.idleRssBytes / 1e6, '≤', 150, 'MB', 0),
  ];
  return { text: [table(Object.keys(row), [row]), verdictTable(verdicts)], verdicts, figures: runs };
}

function once(start, environment) {
  return withGateway(start({ environment }), async (gateway) => {
    const { liveAfterMs, spawnedAtMs } = gateway;
    const liveCpuMs = cpuMs(gateway.pid);
    const readyRssBytes = rssBytes(gateway.pid);
    await sleep(IDLE_MS);
    const idleRssBytes = rssBytes(gateway.pid);
    const idleMs = performance.now() - spawnedAtMs - liveAfterMs;
    const { statusCode, text } = await gateway.request('POST', '/v1/images/generations', {
      model: 'mock/paint',
      prompt: 'a red fox',
      size: '256x256',
      response_format: 'b64_json',
    });
    if (statusCode !== 200) throw new Error(`the first picture answered ${statusCode}: ${text}`);
    return { liveAfterMs, liveCpuMs, pictureAfterMs: performance.now() - spawnedAtMs - idleMs, readyRssBytes, idleRssBytes };
  });
}

/** A value for every secret and address that the plugins' manifests name, so that all of them are configured. */
function placeholders() {
  const environment = {};
  for (const folder of readdirSync(join(ROOT, 'plugins'))) {
    const { litegen } = JSON.parse(readFileSync(join(ROOT, 'plugins', folder, 'package.json'), 'utf8'));
    for (const names of Object.values(litegen.secrets ?? {})) environment[names[0]] = 'bench-placeholder';
    for (const name of litegen.apiBaseEnvironment ?? []) environment[name] ??= 'http://127.0.0.1:9';
  }
  return environment;
}
