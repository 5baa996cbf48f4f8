import { type DataSource, MigrationExecutor } from 'typeorm';
import type { BoundedClient } from './bounded-client.js';

/** Any number, the same in every release: Postgres's advisory locks have no names. */
const LOCK = 7_226_431_907;

/** Brings the schema up to date; processes that start together take turns. @returns the names of what was applied */
export async function applyMigrations(source: DataSource): Promise<string[]> {
  const runner = source.createQueryRunner();
  const isPostgres = source.options.type === 'postgres';
  // Waiting for another process's turn, or building an index, takes the time that it takes.
  const client = isPostgres ? ((await runner.connect()) as BoundedClient) : undefined;
  const timeoutMs = client?.answerTimeoutMs ?? 0;
  if (client !== undefined) client.answerTimeoutMs = 0;
  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!isPostgres) return work();
    await runner.query(`SELECT pg_advisory_lock(${LOCK})`);
    try {
      return await work();
    } finally {
      await runner.query(`SELECT pg_advisory_unlock(${LOCK})`);
    }
  };
  try {
    const executor = new MigrationExecutor(source, runner);
    executor.transaction = 'each';
    const applied = await locked(() => executor.executePendingMigrations());
    return applied.map(({ name }) => name);
  } finally {
    if (client !== undefined) client.answerTimeoutMs = timeoutMs;
    await runner.release();
  }
}
