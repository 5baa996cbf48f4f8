import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { applyMigrations } from './apply-migrations.js';
import { Checkpoints } from './checkpoints.js';
import { closeDataSources, type OpenDataSources } from './data-source.js';
import { CommitUnknown, isUnavailable } from './unavailable.js';
import { WriteGate } from './write-gate.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

export const DATA_SOURCES = Symbol('litegen.data-sources');

/** False also when nobody knows, because the database went away at the very end. Must not throw. */
export type AfterTransaction = (isCommitted: boolean) => void;

/** The way to the database. Repositories read through `manager` and write only inside `transaction`. */
@Injectable()
export class Database implements OnApplicationShutdown {
  private readonly logger = new Logger(Database.name);
  private readonly gate: WriteGate | undefined;
  private readonly listeners = new WeakMap<EntityManager, AfterTransaction[]>();
  private readonly checkpoints: Checkpoints | undefined;
  readonly dialect: 'sqlite' | 'postgres';

  constructor(@Inject(DATA_SOURCES) private readonly sources: OpenDataSources) {
    this.dialect = sources.writer.options.type === 'postgres' ? 'postgres' : 'sqlite';
    this.gate = this.dialect === 'sqlite' ? new WriteGate() : undefined;
    this.checkpoints = sources.checkpointer === undefined ? undefined : new Checkpoints(sources.checkpointer);
  }

  /** For reading. On SQLite it is another connection than the writer's. */
  get manager(): EntityManager {
    return this.sources.reader.manager;
  }

  /**
   * Commits what `work` did, or nothing of it. Nested calls join the outer transaction's manager only if it is handed on.
   * @throws CommitUnknown when the database went away at the very end: then all of it was committed, or nothing
   */
  async transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const listeners: AfterTransaction[] = [];
    const run = () => this.commit(work, listeners);
    let isCommitted = false;
    try {
      const result = await (this.gate === undefined ? run() : this.gate.run(run));
      isCommitted = true;
      return result;
    } finally {
      this.checkpoints?.wrote();
      for (const listener of listeners) listener(isCommitted);
    }
  }

  /** Inside a transaction: `listener` is told how it went as soon as it is over. */
  whenOver(manager: EntityManager, listener: AfterTransaction): void {
    this.listeners.get(manager)?.push(listener);
  }

  private async commit<T>(work: (manager: EntityManager) => Promise<T>, listeners: AfterTransaction[]): Promise<T> {
    let isDone = false;
    try {
      return await this.sources.writer.transaction(async (manager) => {
        this.listeners.set(manager, listeners);
        const result = await work(manager);
        isDone = true;
        return result;
      });
    } catch (error) {
      throw isDone && isUnavailable(error) ? new CommitUnknown(error) : error;
    }
  }

  /**
   * Does again and again what fails because the database is away, until it is done: for what is known and would be lost otherwise. Only
   * for work that may be done twice, such as a compare-and-set, since the first time may have been committed.
   */
  async insist<T>(work: (isRepeated: boolean) => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await work(tries > 0);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        if (tries === 0) this.logger.warn(`A write waits until the database is back: ${String(error)}`);
        await delay(FIRST_PAUSE_MS + Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries));
      }
    }
  }

  /** A single statement that needs no transaction of its own. */
  async write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const run = () => work(this.sources.writer.manager);
    try {
      return await (this.gate === undefined ? run() : this.gate.run(run));
    } finally {
      this.checkpoints?.wrote();
    }
  }

  /** @throws when the database does not answer. */
  async check(): Promise<void> {
    await this.manager.query('SELECT 1');
  }

  migrate(): Promise<readonly string[]> {
    return applyMigrations(this.sources.writer);
  }

  async pendingMigrations(): Promise<boolean> {
    return this.sources.writer.showMigrations();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    await this.checkpoints?.stop();
    await closeDataSources(this.sources);
  }
}
