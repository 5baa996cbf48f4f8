// Replicas of the gateway on one Postgres, one file store and one vendor that keeps a book, behind a balancer.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Helper } from './children.mjs';
import { startGateway } from './gateway.mjs';
import { makeDirectory } from './leavings.mjs';
import { VendorBook } from './vendor-book.mjs';

export const IMAGE_PRICE_USD = 0.04;
export const VIDEO_PRICE_USD = 0.05;

/** The `once` models are of a vendor that does not recognise a repeated submit, as most are. */
const MODELS = [
  imageModel('mock/chaos-image', true),
  imageModel('mock/chaos-image-once', false),
  {
    id: 'mock/chaos-video',
    provider: 'mock',
    media_type: 'video',
    display_name: 'Chaos video',
    pricing: { base_cost_usd: VIDEO_PRICE_USD },
    capabilities: { text_to_video: true },
    prompt: { required: true },
    params: { duration_seconds: { kind: 'float', min: 1, max: 1, default: 1 } },
    polling: { initial_seconds: 0.5, interval_seconds: 1, max_interval_seconds: 2 },
    idempotency: true,
  },
];

function imageModel(id, idempotency) {
  return {
    id,
    provider: 'mock',
    media_type: 'image',
    display_name: id,
    upstream: { look: 'hash', side: 64 },
    pricing: { base_cost_usd: IMAGE_PRICE_USD },
    capabilities: { text_to_image: true },
    prompt: { required: true },
    idempotency,
  };
}

/** A kind of job for the callers. `{index}` becomes the job's number, so that no two are alike. */
export const image = (name, { model = 'mock/chaos-image', latency = '500ms', ...more } = {}) => ({
  name,
  path: '/v1/images/generations',
  body: { model, prompt: `${name} {index} [mock latency=${latency}]` },
  ...more,
});

export const video = (name, { latency = '2s', ...more } = {}) => ({
  name,
  path: '/v1/videos',
  body: { model: 'mock/chaos-video', prompt: `${name} {index} [mock latency=${latency}]`, duration_seconds: 1 },
  ...more,
});

export class Cluster {
  #directory = makeDirectory('cluster');
  #database;
  #settings;
  #process = {};
  #balancer = new Helper('balancer');

  /**
   * @param options `databases`, where to make one; `settings` of every replica; `count` of replicas; `environment` and `nodeOptions` of each;
   *   `dataDirectory` for files, and for rows that are in a file
   */
  static async start({ databases, settings = {}, count = 3, environment = {}, nodeOptions = [], dataDirectory }) {
    const cluster = new Cluster();
    cluster.#process = { environment, nodeOptions };
    try {
      await cluster.#prepare(databases, settings, dataDirectory ?? cluster.#directory);
      // The first of them makes the tables; they may start at once.
      cluster.replicas = await Promise.all(Array.from({ length: count }, () => cluster.#startReplica()));
      await cluster.#tellBalancer();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  replicas = [];

  async #prepare(databases, settings, dataDirectory) {
    this.#database = await databases.create(dataDirectory);
    const vendorDirectory = join(this.#directory, 'vendor');
    mkdirSync(vendorDirectory);
    this.vendor = new VendorBook(vendorDirectory);
    this.#settings = {
      ...settings,
      providers: { mock: { options: { state_directory: vendorDirectory } }, ...settings.providers },
      storage: { path: join(dataDirectory, 'blobs'), ...settings.storage },
      observability: { log_level: 'warn', ...settings.observability },
    };
    this.url = await this.#balancer.call('listen');
  }

  get databaseUrl() {
    return this.#database.url;
  }

  #startReplica() {
    return startGateway({
      database: this.#database,
      settings: this.#settings,
      models: MODELS,
      readyPath: '/health/ready',
      ...this.#process,
    });
  }

  #tellBalancer() {
    return this.#balancer.call('setBackends', { urls: this.replicas.map(({ url }) => url) });
  }

  /** What the balancer thinks of each replica. */
  balancerStates() {
    return this.#balancer.call('states');
  }

  /** Starts a replica anew in the place of one that has ended. */
  async replace(index) {
    this.replicas[index] = await this.#startReplica();
    await this.#tellBalancer();
  }

  /** Some replica that runs, for an administrator's requests. */
  get any() {
    const running = this.replicas.find(({ hasEnded }) => !hasEnded);
    if (running === undefined) throw new Error('no replica runs');
    return running;
  }

  /** Distinct lines of the level `error` that the replicas which run now have written, ids aside. */
  errors() {
    const lines = this.replicas.flatMap((replica) => (replica.hasEnded ? [] : replica.logs(Number.MAX_SAFE_INTEGER).split('\n')));
    const known = new Map();
    for (const line of lines) {
      if (!line.startsWith('{"level":"error"')) continue;
      const { msg, stack } = JSON.parse(line);
      const kind = msg.replaceAll(/[\w-]*[0-9a-f]{16,}/g, '…');
      if (!known.has(kind)) known.set(kind, stack?.split('\n').slice(0, 6).join('\n') ?? '');
    }
    return [...known].map(([text, stack]) => `${text}\n${stack}`.trim());
  }

  logs(bytes) {
    return this.replicas
      .filter(({ hasEnded }) => !hasEnded)
      .map((replica, index) => `--- replica ${index}\n${replica.logs(bytes)}`)
      .join('\n');
  }

  async stop() {
    await Promise.all(this.replicas.map((replica) => replica.stop('SIGKILL')));
    await this.#balancer.stop();
    await this.#database?.drop();
  }
}
