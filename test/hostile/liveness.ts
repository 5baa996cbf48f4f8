import { Worker } from 'node:worker_threads';

/** Runs in a thread of its own: what it measures must not be how busy the test itself is. */
const PROBE = `
const { parentPort, workerData } = require('node:worker_threads');
const http = require('node:http');
const agent = new http.Agent({ keepAlive: true });
let isOver = false;
let longestMs = 0;
parentPort.once('message', () => { isOver = true; });
function ask() {
  const startedAt = performance.now();
  http.get(workerData.url, { agent }, (response) => {
    response.resume().once('end', () => {
      longestMs = Math.max(longestMs, performance.now() - startedAt);
      if (response.statusCode !== 200) throw new Error('health answered ' + response.statusCode);
      if (isOver) { parentPort.postMessage({ longestMs }); agent.destroy(); }
      else setTimeout(ask, 20);
    });
  });
}
ask();
`;

export interface Liveness {
  readonly longestMs: number;
}

/** Asks for the health check while the work is done. */
export async function livenessDuring(url: string, work: () => Promise<void>): Promise<Liveness> {
  const worker = new Worker(PROBE, { eval: true, workerData: { url: `${url}/health/live` } });
  const measured = new Promise<Liveness>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
  await work().finally(() => worker.postMessage('over'));
  return measured;
}
