import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DataSource, type DataSourceOptions, type EntitySchema } from 'typeorm';
import type { Config } from '../config/index.js';
import { boundedClient, loadPg } from './bounded-client.js';
import { keepPrivate } from './private-files.js';
import { IN_MEMORY, sqliteDriver, sqlitePath, tuneSqlite } from './sqlite.js';

/** An entity class. */
export type Entity = NonNullable<Exclude<DataSourceOptions['entities'], Record<string, unknown>>> extends readonly (infer E)[] ? E : never;
export type EntityList = readonly (Entity | EntitySchema)[];
export type MigrationList = NonNullable<DataSourceOptions['migrations']>;

/**
 * The URL as the driver is to read it: encoded in one way, and `sslmode` by its meaning here. `require`, `prefer` and `verify-ca` check the
 * certificate and its name as `verify-full` does, as the driver would, with a warning; `no-verify` checks nothing.
 */
export function connectionUrl(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  if (/^(prefer|require|verify-ca)$/.test(url.searchParams.get('sslmode') ?? '')) url.searchParams.set('sslmode', 'verify-full');
  return url.href;
}

/** The one place that names the drivers. */
export function dataSourceOptions(config: Config, entities: EntityList, migrations: MigrationList): DataSourceOptions {
  const shared = {
    entities: [...entities],
    migrations,
    migrationsTransactionMode: 'each' as const,
    // TypeORM would read `where: { orgId: undefined }` as "any organization".
    invalidWhereValuesBehavior: { null: 'throw' as const, undefined: 'throw' as const },
  };
  if (config.database_url.startsWith('sqlite:')) {
    return { ...shared, type: 'sqlite', database: sqlitePath(config.database_url), driver: sqliteDriver() };
  }
  // The driver answers bigint as text; all of ours (times, bytes, micro-dollars) fit a number exactly.
  loadPg().types.setTypeParser(20, Number);
  const { pool_size: max, timeout_seconds: timeoutSeconds } = config.database;
  const timeoutMs = timeoutSeconds * 1000;
  return {
    ...shared,
    type: 'postgres',
    url: connectionUrl(config.database_url),
    extra: { max, keepAlive: true, connectionTimeoutMillis: timeoutMs, Client: boundedClient(timeoutMs) },
  };
}

export interface OpenDataSources {
  readonly writer: DataSource;
  /** A second connection on a SQLite file, so that reads never see another request's open transaction; otherwise the writer itself. */
  readonly reader: DataSource;
  /** A third one on a SQLite file, for {@link Checkpoints}. */
  readonly checkpointer?: DataSource;
}

/** For commands, whose statements may rightly take long. */
export function withoutTimeLimit(config: Config): Config {
  return { ...config, database: { ...config.database, timeout_seconds: 0 } };
}

export async function openDataSources(config: Config, entities: EntityList, migrations: MigrationList): Promise<OpenDataSources> {
  const options = dataSourceOptions(config, entities, migrations);
  if (options.type !== 'sqlite') {
    const source = await new DataSource(options).initialize();
    return { writer: source, reader: source };
  }
  if (options.database !== IN_MEMORY) {
    mkdirSync(dirname(options.database), { recursive: true });
    keepPrivate(options.database);
  }
  const writer = await new DataSource(options).initialize();
  await tuneSqlite(writer);
  if (options.database === IN_MEMORY) return { writer, reader: writer };
  const reader = await new DataSource({ ...options, migrations: [] }).initialize();
  await tuneSqlite(reader);
  const checkpointer = await new DataSource({ ...options, migrations: [] }).initialize();
  return { writer, reader, checkpointer };
}

export async function closeDataSources({ writer, reader, checkpointer }: OpenDataSources): Promise<void> {
  for (const source of new Set([checkpointer, reader, writer])) if (source?.isInitialized) await source.destroy();
}
