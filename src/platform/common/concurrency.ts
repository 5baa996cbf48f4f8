/** Lets so many pieces of work run at once; the others wait in the order of asking. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(private free: number) {}

  get isBusy(): boolean {
    return this.running > 0;
  }

  /** Runs work as soon as there is room, and makes room again however it ends. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
    this.running += 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
      const next = this.waiting.shift();
      // The place goes to who waits longest, never back into the pool where a newcomer could take it.
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}

interface Waiting {
  readonly order: number;
  readonly resume: () => void;
}

/**
 * Spreads work over turns of the event loop. What is done at once costs a fraction of a millisecond, but everything that became
 * ready arrives in one turn, so it is the number of such slices that has to be bounded. Who began first goes first: work that is
 * under way ends soon and sets its memory free, and what began later waits without holding much.
 */
export class LoopShare {
  private readonly waiting: Waiting[] = [];
  private used = 0;
  private lastOrder = 0;

  constructor(private readonly slicesPerTurn: number) {}

  /** A place in the order, to be kept for all slices of one piece of work. */
  join(): number {
    this.lastOrder += 1;
    return this.lastOrder;
  }

  /** Undefined when there is room in this turn, else resolves when there is. Ask before each slice. */
  take(order = this.join()): Promise<void> | undefined {
    if (this.used < this.slicesPerTurn) {
      this.use();
      return undefined;
    }
    return new Promise((resume) => {
      let at = this.waiting.length;
      while (at > 0 && (this.waiting[at - 1] as Waiting).order > order) at -= 1;
      this.waiting.splice(at, 0, { order, resume });
    });
  }

  private use(): void {
    if (this.used === 0) setImmediate(() => this.nextTurn());
    this.used += 1;
  }

  private nextTurn(): void {
    this.used = 0;
    for (const { resume } of this.waiting.splice(0, this.slicesPerTurn)) {
      this.use();
      resume();
    }
  }
}

/** For media that pass through, in slices of 64 KB: each costs about a quarter of a millisecond with its reading and writing. */
export const mediaShare = new LoopShare(8);

/** For requests and vendors' answers that arrive, of which nobody else's media may take the turn. */
export const requestShare = new LoopShare(8);
