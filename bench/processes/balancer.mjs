// A balancer that knows nothing of HTTP but `/health/ready`: every new connection goes to the ready replica that has the fewest.
import { connect, createServer } from 'node:net';
import { Agent, request } from 'undici';
import { answerCalls, listen } from './answer-calls.mjs';

const PROBE_EVERY_MS = 1000;
const PROBE_TIMEOUT_MS = 2000;

/** `{url, host, port, isReady, sockets}` of each replica. */
let backends = [];
const probes = new Agent({ connections: 1, pipelining: 1, headersTimeout: PROBE_TIMEOUT_MS, bodyTimeout: PROBE_TIMEOUT_MS });

async function probe(backend) {
  try {
    const { statusCode, body } = await request(`${backend.url}/health/ready`, {
      dispatcher: probes,
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await body.dump();
    backend.isReady = statusCode === 200;
  } catch {
    backend.isReady = false;
  }
}

async function probeForEver() {
  for (;;) {
    await Promise.all(backends.map(probe));
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
}

/** Those that may be tried, the best first. When none is ready all are: an answer that says why is worth more than none. */
function candidates() {
  const ready = backends.filter(({ isReady }) => isReady);
  return (ready.length > 0 ? [...ready] : [...backends]).sort((left, right) => left.sockets.size - right.sockets.size);
}

/** A replica that refuses the connection got nothing, so the next one may have it. */
function pass(client, [backend, ...others]) {
  if (backend === undefined) {
    client.destroy();
    return;
  }
  const upstream = connect({ host: backend.host, port: backend.port, noDelay: true });
  backend.sockets.add(upstream);
  let isOpen = false;
  upstream.once('connect', () => {
    isOpen = true;
    client.pipe(upstream);
    upstream.pipe(client);
  });
  upstream.once('error', () => {
    if (isOpen || client.destroyed) client.destroy();
    else pass(client, others);
  });
  upstream.once('close', () => {
    backend.sockets.delete(upstream);
    if (isOpen) client.destroy();
  });
  client.once('close', () => upstream.destroy());
}

const server = createServer({ noDelay: true, pauseOnConnect: false }, (client) => {
  client.on('error', () => undefined);
  pass(client, candidates());
});

answerCalls({
  listen: () => {
    void probeForEver();
    return listen(server);
  },
  /** Those that are new count as not ready until they were asked. */
  setBackends: async ({ urls }) => {
    backends = urls.map((url) => {
      const { hostname: host, port } = new URL(url);
      return backends.find((backend) => backend.url === url) ?? { url, host, port: Number(port), isReady: false, sockets: new Set() };
    });
    await Promise.all(backends.filter(({ isReady }) => !isReady).map(probe));
  },
  states: () => backends.map(({ url, isReady, sockets }) => ({ url, isReady, connections: sockets.size })),
});
