/** How long decoding may run within one turn of the event loop before everything else gets its turn. Milliseconds. */
const SHARE_MS = 2;

/**
 * Spreads the work on many bodies over turns of the event loop. A slice costs a fraction of a millisecond, but the chunks
 * of all sockets that are ready arrive in one turn, so their sum is what has to be bounded.
 */
export class LoopShare {
  private turnStartedAtMs: number | undefined;

  /** Resolves when there is time left in this turn. Call it before each slice of work. */
  async take(): Promise<void> {
    while (this.turnStartedAtMs !== undefined && performance.now() - this.turnStartedAtMs > SHARE_MS) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.turnStartedAtMs === undefined) {
      this.turnStartedAtMs = performance.now();
      setImmediate(() => {
        this.turnStartedAtMs = undefined;
      });
    }
  }
}

/** One per process, since the event loop is. */
export const loopShare = new LoopShare();
