// The built gateway as a process of its own, with settings, data and logs in a folder of its own.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { stringify } from 'yaml';
import { ROOT } from '../../scripts/files.mjs';
import { nodeFlags } from '../../scripts/node-flags.mjs';
import { track } from './children.mjs';
import { makeDirectory } from './leavings.mjs';
import { parseMetrics } from './metrics.mjs';

const MAIN = join(ROOT, 'dist/src/app/main.js');
const MONITOR = join(ROOT, 'bench/loop-monitor.mjs');
const START_TIMEOUT_MS = 60_000;
const PROBE_EVERY_MS = 5;
const STOP_TIMEOUT_MS = 40_000;
export const MASTER_KEY = 'bench-master-key-1b8e5f6a2c';

/**
 * @param options `databases`, for one of its own, or `database`, one that replicas share; `settings`, as
 *   litegen.yaml has them; `models`, entries of the models directory; `environment`; `isMonitored`, to load the event-loop monitor;
 *   `nodeOptions`; `readyPath`, which answers 200 when the gateway counts as started
 */
export async function startGateway({
  databases,
  database: shared,
  settings = {},
  models = [],
  environment = {},
  isMonitored = false,
  nodeOptions = [],
  readyPath = '/health/live',
}) {
  const directory = makeDirectory('bench');
  const database = shared ?? (await databases.create(directory));
  const port = await freePort();
  mkdirSync(join(directory, 'models'));
  writeFileSync(join(directory, 'models/bench.yaml'), stringify({ models }));
  const base = { master_key: MASTER_KEY, database_url: database.url, storage: { path: join(directory, 'blobs') } };
  writeFileSync(
    join(directory, 'litegen.yaml'),
    stringify({ ...base, ...settings, server: { port, drain_delay_seconds: 0, ...settings.server } }),
  );
  const log = join(directory, 'gateway.log');
  const descriptor = openSync(log, 'a');
  const spawnedAtMs = performance.now();
  const child = track(
    spawn(process.execPath, [...(isMonitored ? ['--expose-gc', '--import', MONITOR] : []), ...nodeFlags(), ...nodeOptions, MAIN], {
      cwd: directory,
      stdio: ['ignore', descriptor, descriptor, isMonitored ? 'ipc' : 'ignore'],
      env: { PATH: process.env.PATH, ...environment },
    }),
  );
  closeSync(descriptor);
  const gateway = new Gateway({ child, database, log, url: `http://127.0.0.1:${port}` });
  try {
    await gateway.waitUntilStarted(readyPath);
  } catch (error) {
    await gateway.stop();
    throw error;
  }
  gateway.liveAfterMs = performance.now() - spawnedAtMs;
  gateway.spawnedAtMs = spawnedAtMs;
  return gateway;
}

class Gateway {
  #child;
  #database;
  #log;
  #calls = new Map();
  #lastId = 0;

  constructor({ child, database, log, url }) {
    this.#child = child;
    this.#database = database;
    this.#log = log;
    this.url = url;
    child.on('message', ({ id, result }) => {
      this.#calls.get(id)?.(result);
      this.#calls.delete(id);
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** For replicas that share it. */
  get database() {
    return this.#database;
  }

  get hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** The last lines that it wrote. */
  logs(bytes = 4000) {
    return readFileSync(this.#log, 'utf8').slice(-bytes);
  }

  async waitUntilStarted(path) {
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadlineMs) {
      if (this.hasEnded) break;
      const status = await this.request('GET', path).then(
        ({ statusCode }) => statusCode,
        () => 0,
      );
      if (status === 200) return;
      if (status === 404) throw new Error(`the gateway has no ${path}`);
      await sleep(PROBE_EVERY_MS);
    }
    throw new Error(`the gateway did not start:\n${this.logs()}`);
  }

  /** One request on a connection of its own. */
  async request(method, path, body, headers = {}) {
    const client = new Client(this.url);
    try {
      const { statusCode, body: answer } = await client.request({
        method,
        path,
        headers: {
          authorization: `Bearer ${MASTER_KEY}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      return { statusCode, text: await answer.text() };
    } finally {
      await client.destroy();
    }
  }

  /** A new API key with a quota, so that every request takes a hold. */
  async createKey(quotaUsd = 1_000_000, more = {}) {
    return (await this.post('/v1/keys', { name: 'bench', token_quota: quotaUsd, ...more })).key;
  }

  /** @throws Error unless the answer is a 2xx */
  async post(path, body) {
    const { statusCode, text } = await this.request('POST', path, body);
    if (statusCode >= 300) throw new Error(`POST ${path} answered ${statusCode}: ${text}`);
    return JSON.parse(text);
  }

  async metrics() {
    const { statusCode, text } = await this.request('GET', '/metrics');
    if (statusCode !== 200) throw new Error(`GET /metrics answered ${statusCode}: ${text}`);
    return parseMetrics(text);
  }

  /** Asks the event-loop monitor. */
  ask(method) {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, resolve);
      this.#child.once('exit', () => reject(new Error(`the gateway ended:\n${this.logs()}`)));
      this.#child.send({ id, method });
    });
  }

  /** Ends it, by default as an operator would. Its data stays until the whole run has ended. Answers the exit code; null when it had to be killed. */
  async stop(signal = 'SIGTERM') {
    if (!this.hasEnded) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill(signal);
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    }
    return this.#child.exitCode;
  }
}

/** An entry of the models directory for a provider that is an instance of `openai-compatible`. */
export function compatibleModel(provider, more = {}) {
  return {
    id: `${provider}/image`,
    provider,
    media_type: 'image',
    display_name: provider,
    operations: ['image.generate', 'image.edit'],
    pricing: { base_cost_usd: '0.01' },
    capabilities: { text_to_image: true, image_to_image: true },
    prompt: { required: true, min_length: 1, max_length: 4000 },
    params: {
      n: { kind: 'int', min: 1, max: 4 },
      seed: { kind: 'seed' },
      size: {
        kind: 'size',
        mode: 'enum',
        values: [
          [512, 512],
          [1024, 1024],
        ],
      },
      quality: { kind: 'string', enum_values: ['low', 'high'] },
    },
    ref_inputs: { max_total: 1, default_role: 'init', roles: { init: { min_count: 0, max_count: 1 } } },
    ...more,
  };
}

/** The settings of such a provider. */
export function compatibleProvider(apiBase) {
  return { plugin: 'openai-compatible', api_base: apiBase, api_key: 'bench-vendor-key' };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
