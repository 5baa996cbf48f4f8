import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';

/** So long what was committed stays in the log alone. Little at a time holds up the disk least for those who write to it meanwhile. */
const INTERVAL_MS = 100;

/**
 * Moves what was committed out of SQLite's log into its file, on a connection of its own. The file has to be synchronized with the disk
 * for that, which takes as long as dozens of transactions do, and whoever commits need not wait for it.
 */
export class Checkpoints {
  private readonly logger = new Logger(Checkpoints.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private hasFailed = false;

  constructor(private readonly source: DataSource) {}

  /** To be told after each commit. */
  wrote(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.running = this.running.then(() => this.run());
    }, INTERVAL_MS).unref();
  }

  /** Resolves when the connection can be closed. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      // Neither waits for readers and writers nor keeps them waiting; what it cannot move, the next one does.
      await this.source.query('PRAGMA wal_checkpoint(PASSIVE)');
      this.hasFailed = false;
    } catch (error) {
      // Ten times a second it would be the same.
      if (!this.hasFailed) this.logger.warn(`The write-ahead log could not be checkpointed and grows: ${String(error)}`);
      this.hasFailed = true;
    }
  }
}
