import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { RedisClientType } from '@redis/client';
import { CONFIG, type Config } from '../config/index.js';
import type { Script } from './script.js';

/** A limiter that answers late holds up every request, so that an answer after this time is none. */
const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** A server that hangs keeps its connections: silence beyond this ends them. */
const PING_INTERVAL_MS = 2_000;
const SOCKET_TIMEOUT_MS = 5_000;
const LONGEST_PAUSE_MS = 2_000;

/** Redis is away, hangs, or failed to do what it was asked. */
export class RedisUnavailable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'RedisUnavailable';
  }
}

/**
 * The process's one connection to Redis, which makes counters and caches shared and is never the only place of anything. The library is
 * loaded when `redis.url` is set. While Redis is away every call fails at once, and the connection comes back by itself.
 */
@Injectable()
export class Redis implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Redis.name);
  private connection: RedisClientType | undefined;
  private isAway = false;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

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

  /** Waits a moment for the connection; a process whose Redis is away starts all the same. */
  async onModuleInit(): Promise<void> {
    const { url } = this.config.redis;
    if (url === undefined) return;
    const { createClient } = await import('@redis/client');
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
    client.on('error', (error: Error) => this.lost(error));
    client.on('ready', () => this.found());
    const connected = client.connect().catch((error: unknown) => this.lost(error));
    await this.within(connected, CONNECT_TIMEOUT_MS).catch((error: unknown) => this.lost(error));
  }

  /** @throws RedisUnavailable */
  async run<T>(work: (client: RedisClientType) => Promise<T>, timeoutMs = COMMAND_TIMEOUT_MS): Promise<T> {
    const { client } = this;
    // The library would give such a command to the socket that it is just opening.
    if (!client.isReady) throw new RedisUnavailable('Redis is away');
    try {
      return await this.within(work(client), timeoutMs);
    } catch (error) {
      throw error instanceof RedisUnavailable ? error : new RedisUnavailable('Redis failed', error);
    }
  }

  /** @throws RedisUnavailable */
  eval(script: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    const options = { keys: keys.map((key) => this.keyOf(key)), arguments: values.map(String) };
    return this.run(async (client) => {
      try {
        return await client.evalSha(script.sha1, options);
      } catch (error) {
        // A server that was started anew has forgotten it.
        if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return client.eval(script.text, options);
        throw error;
      }
    });
  }

  /** Whether it answers now. */
  async answers(): Promise<boolean> {
    return this.run((client) => client.ping()).then(
      () => true,
      () => false,
    );
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

  /** Once for each outage, however many attempts fail. */
  private lost(error: unknown): void {
    if (this.isAway) return;
    this.isAway = true;
    this.logger.error(`Redis is away, trying on: ${error instanceof Error ? error.message || error.name : String(error)}`);
  }

  private found(): void {
    this.logger.log(this.isAway ? 'Redis is back' : 'Connected to Redis');
    this.isAway = false;
  }
}
