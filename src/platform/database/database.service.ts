import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Availability, isOutOfRoom, proveRoom, seeRoom } from '../common/index.js';
import { applyMigrations } from './apply-migrations.js';
import { closeDataSources, type OpenDataSources } from './data-source.js';
import { postgresTransaction } from './postgres-transaction.js';
import { Checkpoints, IN_MEMORY, SqliteWriter } from './sqlite.js';
import { CommitUnknown, isAway, isUnavailable } from './unavailable.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

/** In rows short enough to be stored as they are; gone when the transaction is over. */
const FILL_A_MEGABYTE = `CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT repeat(md5(i::text), 45) FROM generate_series(1, 700) AS i`;

export const DATA_SOURCES = Symbol('litegen.data-sources');

/** False also when nobody knows, because the database went away at the very end. Must not throw. */
export type AfterTransaction = (isCommitted: boolean) => void;

/** The way to the database. Repositories read through `manager` and write only inside `transaction`. */
@Injectable()
export class Database implements OnApplicationShutdown {
  private readonly logger = new Logger(Database.name);
  /** Undefined on Postgres, where every transaction has a connection of its own. */
  private readonly sqlite: SqliteWriter | undefined;
  private readonly listeners = new WeakMap<EntityManager, AfterTransaction[]>();
  private readonly checkpoints: Checkpoints | undefined;
  private checking: Promise<void> | undefined;
  /** Told when the disk under the database takes no more. */
  readonly room = new Availability(
    'The database',
    () => this.proveRoom(),
    () => this.seeRoom(),
  );
  readonly dialect: 'sqlite' | 'postgres';

  constructor(@Inject(DATA_SOURCES) private readonly sources: OpenDataSources) {
    this.dialect = sources.writer.options.type === 'postgres' ? 'postgres' : 'sqlite';
    this.sqlite = this.dialect === 'sqlite' ? new SqliteWriter(sources.writer) : undefined;
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
    let isCommitted = false;
    try {
      const result = await this.commit(work, listeners);
      isCommitted = true;
      return result;
    } catch (error) {
      throw this.noted(error);
    } finally {
      this.checkpoints?.wrote();
      for (const listener of listeners) listener(isCommitted);
    }
  }

  /** Inside a transaction: `listener` is told how it went as soon as it is over. */
  whenOver(manager: EntityManager, listener: AfterTransaction): void {
    this.listeners.get(manager)?.push(listener);
  }

  /**
   * Inside a transaction: does what may fail without costing the rest. When it fails, what it did is undone, and the transaction goes on.
   * @returns the failure, if there was one
   * @throws that failure, when the whole transaction is lost with it
   */
  async attempt(manager: EntityManager, work: () => Promise<void>): Promise<unknown> {
    const listeners = this.listeners.get(manager) ?? [];
    const before = listeners.length;
    await manager.query('SAVEPOINT attempt');
    try {
      await work();
    } catch (error) {
      try {
        await manager.query('ROLLBACK TO SAVEPOINT attempt');
      } catch {
        throw error;
      }
      for (const listener of listeners.splice(before)) listener(false);
      await manager.query('RELEASE SAVEPOINT attempt');
      return error;
    }
    await manager.query('RELEASE SAVEPOINT attempt');
    return undefined;
  }

  private async commit<T>(work: (manager: EntityManager) => Promise<T>, listeners: AfterTransaction[]): Promise<T> {
    let isDone = false;
    const listened = async (manager: EntityManager): Promise<T> => {
      this.listeners.set(manager, listeners);
      const result = await work(manager);
      isDone = true;
      return result;
    };
    try {
      return await (this.sqlite?.transaction(listened) ?? postgresTransaction(this.sources.writer, listened));
    } catch (error) {
      throw isDone && isAway(error) ? new CommitUnknown(error) : error;
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
    try {
      return await (this.sqlite?.write(work) ?? work(this.sources.writer.manager));
    } catch (error) {
      throw this.noted(error);
    } finally {
      this.checkpoints?.wrote();
    }
  }

  private noted(error: unknown): unknown {
    if (isOutOfRoom(error)) this.room.failed(error);
    return error;
  }

  private async seeRoom(): Promise<void> {
    if (this.directory !== undefined) await seeRoom(this.directory);
  }

  /** Of a SQLite file. */
  private get directory(): string | undefined {
    const { type, database } = this.sources.writer.options;
    return type === 'sqlite' && database !== IN_MEMORY ? dirname(database) : undefined;
  }

  private async proveRoom(): Promise<void> {
    await this.check();
    if (this.directory !== undefined) await proveRoom(this.directory);
    if (this.dialect === 'postgres') await this.transaction((manager) => manager.query(FILL_A_MEGABYTE));
  }

  /** Commits something, and looks for it from where readers look. @throws when that cannot be done */
  check(): Promise<void> {
    // Anybody may ask, as often as he likes.
    this.checking ??= (this.dialect === 'postgres' ? this.checkPostgres() : this.checkSqlite()).finally(() => {
      this.checking = undefined;
    });
    return this.checking;
  }

  private async checkSqlite(): Promise<void> {
    const written = await this.transaction(async (manager) => {
      const version = (await userVersion(manager)) + 1;
      await manager.query(`PRAGMA user_version = ${version}`);
      return version;
    });
    if ((await userVersion(this.manager)) < written) throw new Error('What was committed is not what is read');
  }

  private async checkPostgres(): Promise<void> {
    // A transaction with an id leaves a record of its end in the server's log. Rights are asked for, because a table may rightly be locked.
    const tables = this.sources.writer.entityMetadatas.map(({ tableName }) => tableName);
    const [{ id, closed }] = await this.write((manager) =>
      manager.query<[{ id: string; closed: string | null }]>(
        `SELECT txid_current()::text AS id, (
           SELECT string_agg(name, ', ') FROM unnest($1::text[]) AS name, to_regclass(name) AS oid
           WHERE NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE'))
         ) AS closed`,
        [tables],
      ),
    );
    if (closed !== null) throw new Error(`The role may not read and write ${closed}`);
    const [{ status }] = await this.manager.query<[{ status: string }]>('SELECT txid_status($1::bigint) AS status', [id]);
    if (status !== 'committed') throw new Error(`What was committed is ${status}`);
  }

  /** @throws StartRefusal when others keep it from its turn, or from its tables, for longer than `waitSeconds` */
  migrate(waitSeconds = 300): Promise<readonly string[]> {
    return applyMigrations(this.sources.writer, { waitSeconds, tell: (line) => this.logger.warn(line) });
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

/** A number in the file's header that is there for the application's use, and which nothing else uses. */
async function userVersion(manager: EntityManager): Promise<number> {
  const [row] = await manager.query<[{ user_version: number }]>('PRAGMA user_version');
  return row.user_version;
}

const MOST_ITEMS = 256;
/** After so many items that failed for no reason of their own, the rest of the batch is not tried alone. */
const UNAVAILABLE_IN_A_ROW = 2;

/**
 * Gathers the items of one event-loop turn, and of the time in which the previous batch was being written, into one batch
 * that all callers await: durable rows at the price of one transaction for many.
 */
export class GroupCommit<Item, Result> {
  private queue: { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  private running = false;

  /**
   * @param write commits all items or none, and answers in their order. When it fails for a batch of several, each item is tried alone,
   *   so that one bad item does not fail its neighbours; when the database is away, all fail at once, and soon when it is in trouble.
   * @param gatherMs how long the first item of a batch waits for others; 0: until the end of the turn
   */
  constructor(
    private readonly write: (items: readonly Item[]) => Promise<readonly Result[]>,
    private readonly gatherMs = 0,
  ) {}

  commit(item: Item): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.queue.push({ item, resolve, reject });
      if (!this.running) {
        this.running = true;
        this.gather();
      }
    });
  }

  private gather(): void {
    if (this.gatherMs === 0) setImmediate(() => void this.drain());
    else setTimeout(() => void this.drain(), this.gatherMs);
  }

  private async drain(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, MOST_ITEMS);
      try {
        const results = await this.write(batch.map((entry) => entry.item));
        batch.forEach((entry, index) => entry.resolve(results[index] as Result));
      } catch (error) {
        // What says nothing about the items is the same for all of them.
        if (batch.length === 1 || isAway(error)) for (const entry of batch) entry.reject(error);
        else await this.writeAlone(batch);
      }
      if (this.gatherMs > 0 && this.queue.length > 0) return this.gather();
    }
    this.running = false;
  }

  private async writeAlone(batch: typeof this.queue): Promise<void> {
    let unavailable = 0;
    for (const [index, entry] of batch.entries()) {
      try {
        const [result] = await this.write([entry.item]);
        entry.resolve(result as Result);
        unavailable = 0;
      } catch (error) {
        entry.reject(error);
        unavailable = isUnavailable(error) ? unavailable + 1 : 0;
        if (unavailable < UNAVAILABLE_IN_A_ROW) continue;
        // Each may have waited for a lock that is in everybody's way.
        for (const { reject } of batch.slice(index + 1)) reject(error);
        return;
      }
    }
  }
}
