import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Lets one writer in at a time; a writer that is already inside goes straight through.
 *
 * SQLite has one connection, and TypeORM opens its transactions on it: a write that lands while another request's
 * transaction is open would be rolled back with it. So every write waits here. Never do other I/O inside.
 */
export class WriteGate {
  private readonly inside = new AsyncLocalStorage<true>();
  private tail: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside.getStore() === true) return work();
    const turn = this.tail.then(() => this.inside.run(true, work));
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}
