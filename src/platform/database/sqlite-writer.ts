import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { IN_MEMORY, tuneSqlite } from './data-source.js';
import type { SqliteConnection } from './sqlite-driver.js';
import { WriteGate } from './write-gate.js';

/** What the ORM's driver keeps of its connection. */
interface Driver {
  readonly databaseConnection: SqliteConnection;
  /** Counts savepoints, also of a transaction that is long over. */
  queryRunner?: QueryRunner;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

/**
 * The one connection that writes to a SQLite file. SQLite ends a transaction by itself after some errors, and the ORM would take every later
 * one for a part of it, never committed: so nothing is written on the connection unless it is known to be outside of any transaction.
 */
export class SqliteWriter {
  private readonly logger = new Logger('Database');
  private readonly gate = new WriteGate();
  private isTrusted = true;
  private isInTransaction = false;

  constructor(private readonly source: DataSource) {}

  /** @throws Error within another transaction of this writer, whose manager is to be handed on instead */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.gate.run(async () => {
      if (this.isInTransaction) throw new Error('A transaction began inside another; the manager of the outer one is to be handed on');
      this.isInTransaction = true;
      try {
        return await this.outside(() => this.source.transaction(work));
      } finally {
        this.isInTransaction = false;
      }
    });
  }

  /** Joins the transaction in which it is called, if it is called in one. */
  write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const run = () => work(this.source.manager);
    return this.gate.run(() => (this.isInTransaction ? run() : this.outside(run)));
  }

  /** Begins and ends outside of any transaction. */
  private async outside<T>(work: () => Promise<T>): Promise<T> {
    if (!this.isTrusted) await this.reopen();
    try {
      return await work();
    } catch (error) {
      this.driver.queryRunner = undefined;
      this.isTrusted = !this.driver.databaseConnection.isInTransaction;
      if (!this.isTrusted) {
        this.logger.warn(`The database did not confirm that a transaction ended, so its connection is reopened: ${String(error)}`);
        // The next one to write tries again.
        await this.reopen().catch((failure: unknown) => this.logger.error(`The database could not be reopened: ${String(failure)}`));
      }
      throw error;
    }
  }

  private async reopen(): Promise<void> {
    const { driver } = this;
    // Either proves that none is open, or ends it; a file that lives in memory would be gone with its connection.
    await new Promise<void>((resolve) => driver.databaseConnection.run('ROLLBACK', () => resolve()));
    if (driver.databaseConnection.isInTransaction) {
      if (this.source.options.database === IN_MEMORY) throw new Error('The transaction could not be rolled back');
      await driver.disconnect();
      await driver.connect();
      await tuneSqlite(this.source);
    }
    this.isTrusted = true;
  }

  private get driver(): Driver {
    return this.source.driver as unknown as Driver;
  }
}
