import { isAway, isUnavailable } from './unavailable.js';

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
