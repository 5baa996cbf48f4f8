import { AsyncLocalStorage } from 'node:async_hooks';

/** One stay inside the gate. Timers that were started during it remember it after it is over. */
interface Stay {
  isOver: boolean;
}

/**
 * Lets one writer in at a time; a writer that is already inside goes straight through.
 *
 * SQLite has one connection, and TypeORM opens its transactions on it: a write that lands while another request's
 * transaction is open would be rolled back with it. So every write waits here. Never do other I/O inside.
 */
export class WriteGate {
  private readonly inside = new AsyncLocalStorage<Stay>();
  private tail: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside.getStore()?.isOver === false) return work();
    const turn = this.tail.then(async () => {
      const stay: Stay = { isOver: false };
      try {
        return await this.inside.run(stay, work);
      } finally {
        stay.isOver = true;
      }
    });
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}
