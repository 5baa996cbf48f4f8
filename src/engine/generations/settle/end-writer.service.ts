import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { isAway } from '../../../platform/database/index.js';
import { CARES, type End, type EndCare } from '../model/end.js';
import type { EndResult } from '../store/ends.repository.js';
import { GenerationsRepository } from '../store/generations.repository.js';
import { LifecycleRepository } from '../store/lifecycle.repository.js';

const FIRST_WRITE_PAUSE_MS = 100;
const LONGEST_WRITE_PAUSE_MS = 5_000;
/** One line in so many tries. */
const TRIES_PER_LINE = 10;
const AWAY_TRIES = 4;

/** This process stopped before the database took an end that it knew. It must not be taken for another one. */
export class EndNotWritten extends Error {
  constructor(status: string, cause: unknown) {
    super(`An end (${status}) could not be written before this process stopped`, { cause });
    this.name = 'EndNotWritten';
  }
}

/** Writes ends, however long that takes. */
@Injectable()
export class EndWriter {
  private readonly logger = new Logger(EndWriter.name);
  private isStopping = false;

  constructor(
    private readonly lifecycle: LifecycleRepository,
    private readonly generations: GenerationsRepository,
  ) {}

  /**
   * Tries until the end is written, in ever simpler forms: what is known here is known nowhere else. Only whoever took the generation over
   * has the last word, and the end of this process.
   */
  async persist(end: Omit<End, 'care'>): Promise<EndResult> {
    const { generationId: id } = end.lease;
    let care: EndCare = 'usual';
    for (let tries = 0; ; tries += 1) {
      try {
        const result = await this.lifecycle.settle({ ...end, care });
        const wasWritten = result.kind === 'lease_lost' && tries > 0 && (await this.generations.isEndedUnder(end.lease));
        return wasWritten ? { kind: 'ended', followers: [] } : result;
      } catch (error) {
        if (this.isStopping) {
          this.logger.error(
            `The end of ${id} (${end.settlement.status}) could not be written before this process stopped: ${String(error)}`,
          );
          throw new EndNotWritten(end.settlement.status, error);
        }
        // When nobody answers, a simpler form is no better, unless it is one of its statements that takes too long.
        if (!isAway(error) || tries % AWAY_TRIES === AWAY_TRIES - 1) care = CARES[CARES.indexOf(care) + 1] ?? care;
        const pauseMs = Math.min(LONGEST_WRITE_PAUSE_MS, FIRST_WRITE_PAUSE_MS * 2 ** tries) * (0.5 + Math.random() / 2);
        if (tries % TRIES_PER_LINE === 0)
          this.logger.warn(`The end of ${id} (${end.settlement.status}) is not written yet: ${String(error)}`);
        await delay(pauseMs);
      }
    }
  }

  /** From now on, what cannot be written at once is not written at all: the process ends. */
  stop(): void {
    this.isStopping = true;
  }
}
