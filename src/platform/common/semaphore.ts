/** Lets so many pieces of work run at once; the others wait in the order of asking. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /** Runs work as soon as there is room, and makes room again however it ends. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The place goes to who waits longest, never back into the pool where a newcomer could take it.
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
