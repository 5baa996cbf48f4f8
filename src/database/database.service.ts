import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { applyMigrations } from './apply-migrations.js';
import type { OpenDataSources } from './data-source.js';
import { WriteGate } from './write-gate.js';

export const DATA_SOURCES = Symbol('litegen.data-sources');

/** The way to the database. Repositories read through `manager` and write only inside `transaction`. */
@Injectable()
export class Database implements OnApplicationShutdown {
  private readonly gate: WriteGate | undefined;
  readonly dialect: 'sqlite' | 'postgres';

  constructor(@Inject(DATA_SOURCES) private readonly sources: OpenDataSources) {
    this.dialect = sources.writer.options.type === 'postgres' ? 'postgres' : 'sqlite';
    this.gate = this.dialect === 'sqlite' ? new WriteGate() : undefined;
  }

  /** For reading. On SQLite it is another connection than the writer's. */
  get manager(): EntityManager {
    return this.sources.reader.manager;
  }

  /** Commits what `work` did, or nothing of it. Nested calls join the outer transaction's manager only if it is handed on. */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const run = () => this.sources.writer.transaction(work);
    return this.gate === undefined ? run() : this.gate.run(run);
  }

  /** A single statement that needs no transaction of its own. */
  write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const run = () => work(this.sources.writer.manager);
    return this.gate === undefined ? run() : this.gate.run(run);
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
    const { writer, reader } = this.sources;
    if (reader !== writer && reader.isInitialized) await reader.destroy();
    if (writer.isInitialized) await writer.destroy();
  }
}
