import type KeyvRedis from '@keyv/redis';
import type { Redis } from '../../platform/redis/index.js';

/** What is not there so soon is looked up in the database, which takes no longer. */
const PATIENCE_MS = 100;

/** A store for Keyv in Redis. While Redis is away or hangs it is empty, and never an error. */
export class SharedStore {
  constructor(
    private readonly redis: Redis,
    private readonly store: KeyvRedis<string>,
  ) {
    // Whoever asked is told; nobody else is waiting for it.
    store.on('error', () => undefined);
  }

  get(key: string): Promise<string | undefined> {
    return this.attempt(() => this.store.get<string>(key), undefined);
  }

  /** @param ttlMs how long Redis keeps it */
  set(key: string, value: string, ttlMs?: number): Promise<void> {
    return this.attempt(() => this.store.set(key, value, ttlMs), undefined);
  }

  delete(key: string): Promise<boolean> {
    return this.attempt(() => this.store.delete(key), false);
  }

  /** Keys of other tenants and of other gateways are not this process's to forget. */
  clear(): void {
    throw new Error('What replicas share ends with its time');
  }

  private attempt<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    return this.redis.run(work, PATIENCE_MS).catch(() => otherwise);
  }
}
