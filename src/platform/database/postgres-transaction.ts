import type { DataSource, EntityManager } from 'typeorm';
import { type BoundedClient, breakConnection } from './bounded-client.js';

/** As the ORM's own, but a connection that did not confirm that the transaction is over never goes back into the pool. */
export async function postgresTransaction<T>(source: DataSource, work: (manager: EntityManager) => Promise<T>): Promise<T> {
  const runner = source.createQueryRunner();
  try {
    return await runner.manager.transaction(work);
  } catch (error) {
    if (runner.isTransactionActive) {
      await runner.connect().then(
        (client: BoundedClient) => breakConnection(client),
        // There never was one.
        () => undefined,
      );
    }
    throw error;
  } finally {
    await runner.release();
  }
}
