import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { RedisClientType } from '@redis/client';
import { Clock, StartRefusal } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { CLUSTER_REFUSAL, refusalOf } from './refusal.policy.js';
import { type Script, script } from './script.js';

/** A limiter that answers late holds up every request, so that an answer after this time is none. */
const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** A server that hangs keeps its connections: silence beyond this ends them. */
const PING_INTERVAL_MS = 2_000;
const SOCKET_TIMEOUT_MS = 5_000;
const LONGEST_PAUSE_MS = 2_000;
/** Between two connections to a server that turned out to be the wrong one. */
const RECONNECT_PAUSE_MS = 1_000;
const AWAY = 'Redis is away';
const TRY = script(`redis.call('SET', KEYS[1], '', 'PX', 1000)`);

/** Redis is away, hangs, or failed to do what it was asked. */
export class RedisUnavailable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'RedisUnavailable';
  }
}

/**
 * The process's one connection to Redis, which makes counters and caches shared and is never the only place of anything. The library is
 * loaded when `redis.url` is set. While Redis is away every call fails at once, and the connection comes back by itself; one to a server
 * that became a replica is given up, so that its name is looked up again.
 */
@Injectable()
export class Redis implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Redis.name);
  private connection: RedisClientType | undefined;
  private reason: string | undefined;
  /** Of what was under way on a connection that was given up. */
  private isOwnDoing: (error: unknown) => boolean = () => false;
  private reconnectedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  /** What keeps it from being used, in a sentence; undefined: nothing that is known. */
  get problem(): string | undefined {
    return this.reason;
  }

  get isConfigured(): boolean {
    return this.config.redis.url !== undefined;
  }

  /** The client, for libraries that want one. @throws Error when Redis is not configured */
  get client(): RedisClientType {
    if (this.connection === undefined) throw new Error('Redis is not configured');
    return this.connection;
  }

  /** A name of ours among those of others who use the same server. */
  keyOf(name: string): string {
    return this.config.redis.key_prefix + name;
  }

  /**
   * Waits a moment for the connection; a process whose Redis is away starts all the same.
   * @throws StartRefusal when it is a Redis Cluster
   */
  async onModuleInit(): Promise<void> {
    const { url } = this.config.redis;
    if (url === undefined) return;
    const { createClient, DisconnectsClientError } = await import('@redis/client');
    this.isOwnDoing = (error) => error instanceof DisconnectsClientError;
    const client: RedisClientType = createClient({
      url,
      disableOfflineQueue: true,
      pingInterval: PING_INTERVAL_MS,
      socket: {
        connectTimeout: CONNECT_TIMEOUT_MS,
        socketTimeout: SOCKET_TIMEOUT_MS,
        reconnectStrategy: (tries) => Math.random() * Math.min(LONGEST_PAUSE_MS, 50 * 2 ** tries),
      },
    });
    this.connection = client;
    client.on('error', (error: Error) => this.noted(error));
    client.on('ready', () => this.connected());
    const connected = client.connect().catch((error: unknown) => this.noted(error));
    await this.within(connected, CONNECT_TIMEOUT_MS).catch((error: unknown) => this.noted(error));
    if (await this.isCluster()) throw new StartRefusal(CLUSTER_REFUSAL);
  }

  /** False also when nobody can say. */
  private async isCluster(): Promise<boolean> {
    if (!this.client.isReady) return false;
    const facts = await this.within(this.client.info('cluster'), COMMAND_TIMEOUT_MS).catch(() => '');
    return /^cluster_enabled:1/m.test(facts);
  }

  /** @throws RedisUnavailable */
  async run<T>(work: (client: RedisClientType) => Promise<T>, timeoutMs = COMMAND_TIMEOUT_MS): Promise<T> {
    const { client } = this;
    // The library would give such a command to the socket that it is just opening.
    if (!client.isReady) throw new RedisUnavailable(this.reason ?? `${AWAY}.`);
    try {
      return await this.within(work(client), timeoutMs);
    } catch (error) {
      if (error instanceof RedisUnavailable) throw error;
      const refusal = refusalOf(error);
      if (refusal !== undefined) this.noted(error);
      throw new RedisUnavailable(refusal === undefined ? 'Redis failed' : `Redis ${refusal.text}.`, error);
    }
  }

  /** Runs a script that writes, so that its success says that Redis can be used. @throws RedisUnavailable */
  async eval(script: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    const options = { keys: keys.map((key) => this.keyOf(key)), arguments: values.map(String) };
    try {
      const result = await this.run(async (client) => {
        try {
          return await client.evalSha(script.sha1, options);
        } catch (error) {
          // A server that was started anew has forgotten it.
          if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return client.eval(script.text, options);
          throw error;
        }
      });
      this.works();
      return result;
    } catch (error) {
      this.noted(error instanceof RedisUnavailable && error.cause !== undefined ? error.cause : error);
      throw error;
    }
  }

  onApplicationShutdown(): void {
    if (this.connection?.isOpen === true) this.connection.destroy();
  }

  private async within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new RedisUnavailable(`Redis did not answer within ${timeoutMs} ms`)), timeoutMs);
    });
    // Who gave up on it does not hear of its failure.
    work.catch(() => undefined);
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells a reason once, however many attempts meet it. */
  private noted(error: unknown): void {
    if (this.isOwnDoing(error)) return;
    const refusal = refusalOf(error);
    const reason = refusal === undefined ? awayReason(error) : `Redis ${refusal.text}.`;
    if (refusal?.isElsewhere === true) this.reconnect();
    // While a connection is made anew everybody else only hears that there is none.
    if (reason === this.reason || (this.reason !== undefined && error instanceof RedisUnavailable)) return;
    const isStillAway = reason.startsWith(AWAY) && this.reason?.startsWith(AWAY) === true;
    this.reason = reason;
    if (!isStillAway) this.logger.error(`${reason} Trying on. ${error instanceof Error ? error.message : String(error)}`);
  }

  /** Of a server that is there nobody knows yet whether it takes writes. */
  private connected(): void {
    if (this.reason === undefined) this.logger.log('Connected to Redis');
    this.eval(TRY, ['connected'], []).catch(() => undefined);
  }

  private works(): void {
    if (this.reason === undefined) return;
    this.reason = undefined;
    this.logger.log('Redis is back');
  }

  /** Gives the connection up, and makes one to whatever the name in `redis.url` stands for now. */
  private reconnect(): void {
    const { client } = this;
    const nowMs = this.clock.monotonicMs();
    if (!client.isReady || nowMs - this.reconnectedAtMs < RECONNECT_PAUSE_MS) return;
    this.reconnectedAtMs = nowMs;
    client.destroy();
    client.connect().catch((error: unknown) => this.noted(error));
  }
}

/** Without names and addresses, which are in the log. */
function awayReason(error: unknown): string {
  if (error instanceof RedisUnavailable) return error.message.startsWith(AWAY) ? error.message : `${AWAY}: ${error.message}.`;
  const { code, name } = error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, name: 'Error' };
  return `${AWAY} (${code ?? name}).`;
}
