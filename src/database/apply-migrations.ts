import { type DataSource, MigrationExecutor } from 'typeorm';

/** Any number, the same in every release: Postgres's advisory locks have no names. */
const LOCK = 7_226_431_907;

/** Brings the schema up to date; processes that start together take turns. @returns the names of what was applied */
export async function applyMigrations(source: DataSource): Promise<string[]> {
  const runner = source.createQueryRunner();
  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    if (source.options.type !== 'postgres') return work();
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
    await runner.release();
  }
}
