import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type BlobPlace, BlobStore } from '../../../domain/storage/index.js';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { type PeriodicTask, PeriodicTasks } from '../../../platform/schedule/index.js';
import { FileSweepRepository } from './file-sweep.repository.js';

const LOOK_INTERVAL_MS = 60_000;
const TIDY_INTERVAL_MS = 3_600_000;
const HOUR_MS = 3_600_000;
/** Files that are asked about at a time, and the pause after them: nobody waits for this. */
const BATCH = 500;
const PAUSE_MS = 20;
/** The note in a store in which every installation that uses it has a line. */
export const INSTALLATIONS = 'installations';

export interface Swept {
  readonly setAside: number;
  readonly restored: number;
  readonly deleted: number;
}

/**
 * Removes files that nothing refers to: of requests that were refused after their references were stored, of processes that died before they
 * had written the row.
 *
 * A file has the digest of its bytes for a name, so a request may be about to refer to one that has lain there for years. Therefore none is
 * deleted where it is. It is set aside, where it is still found, and deleted from there a grace later, unless a row refers to it by then; who
 * stores the same bytes meanwhile puts them where they belong. What may belong to work under way is not touched at all.
 */
@Injectable()
export class FileSweep {
  private readonly logger = new Logger(FileSweep.name);
  private readonly looking: PeriodicTask;

  constructor(
    private readonly clock: Clock,
    private readonly store: BlobStore,
    private readonly repository: FileSweepRepository,
    @Inject(CONFIG) private readonly config: Config,
    periodic: PeriodicTasks,
  ) {
    this.looking = periodic.add({
      name: 'storage.sweep',
      intervalMs: LOOK_INTERVAL_MS,
      run: () => this.sweepIfDue(),
      failure: 'Unreferenced files could not be removed',
      logger: this.logger,
    });
    periodic.add({
      name: 'storage.tidy',
      intervalMs: TIDY_INTERVAL_MS,
      run: () => store.tidy(clock.nowMs()),
      failure: 'Temporary files could not be removed',
      logger: this.logger,
    });
  }

  /** Sweeps if it is time to. */
  look(): Promise<void> {
    return this.looking.run();
  }

  private async sweepIfDue(): Promise<void> {
    if (this.config.storage.sweep_interval_hours === 0) return;
    const installation = await this.repository.claim(this.clock.nowMs(), this.config.storage.sweep_interval_hours * HOUR_MS);
    if (installation === null || !(await this.isAlone(installation))) return;
    const { setAside, restored, deleted } = await this.sweep();
    if (setAside + restored + deleted > 0) {
      this.logger.log(`Unreferenced files: ${setAside} set aside, ${deleted} deleted; ${restored} are referenced again`);
    }
  }

  /** What others refer to in the same store cannot be known here, so nothing is removed from it then, nor before others had time to say so. */
  private async isAlone(installation: string): Promise<boolean> {
    const text = (await this.store.readNote(INSTALLATIONS)) ?? '';
    const known = text.split('\n').filter((line) => line !== '');
    if (!known.includes(installation)) {
      await this.store.writeNote(INSTALLATIONS, `${[...known, installation].join('\n')}\n`);
      return false;
    }
    if (known.length === 1) return true;
    this.logger.warn(
      `No file is removed, because ${known.length} installations use the same store. This one is ${installation}; remove the lines of those ` +
        `that are gone from the file "${INSTALLATIONS}" there.`,
    );
    return false;
  }

  /** Once through the whole store. */
  async sweep(): Promise<Swept> {
    const oldestMs = await this.repository.oldestUnderWayMs();
    const graceMs = this.config.storage.sweep_grace_hours * HOUR_MS;
    const beforeMs = Math.min(this.clock.nowMs() - graceMs, oldestMs ?? Number.POSITIVE_INFINITY);
    const swept = { setAside: 0, restored: 0, deleted: 0 };
    // First of all, so that nothing is deleted that was set aside a moment ago.
    for await (const batch of this.batches('aside', Number.POSITIVE_INFINITY)) {
      const referenced = await this.repository.referencedAmong(batch.map(({ sha256 }) => sha256));
      for (const { sha256, sinceMs } of batch) {
        if (referenced.has(sha256)) {
          await this.store.restore(sha256);
          swept.restored += 1;
        } else if (sinceMs < beforeMs) {
          await this.store.deleteAside(sha256);
          swept.deleted += 1;
        }
      }
    }
    for await (const batch of this.batches('store', beforeMs)) {
      const referenced = await this.repository.referencedAmong(batch.map(({ sha256 }) => sha256));
      for (const { sha256 } of batch) {
        if (referenced.has(sha256)) continue;
        await this.store.setAside(sha256);
        swept.setAside += 1;
      }
    }
    return swept;
  }

  private async *batches(place: BlobPlace, beforeMs: number): AsyncGenerator<{ sha256: string; sinceMs: number }[], void> {
    let batch: { sha256: string; sinceMs: number }[] = [];
    for await (const file of this.store.list(place)) {
      if (file.sinceMs >= beforeMs) continue;
      batch.push(file);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
      await delay(PAUSE_MS);
    }
    if (batch.length > 0) yield batch;
  }
}
