import { Injectable, Logger } from '@nestjs/common';
import type { EventStream } from '../../platform/common/index.js';
import { PeriodicTasks } from '../../platform/schedule/index.js';

const HEARTBEAT_MS = 15_000;

/** Keeps open event streams alive with one timer for all. */
@Injectable()
export class Heartbeats {
  private readonly streams = new Set<EventStream>();

  constructor(periodic: PeriodicTasks) {
    periodic.add({
      name: 'api.heartbeats',
      intervalMs: HEARTBEAT_MS,
      run: () => this.beat(),
      failure: 'Open event streams could not be kept alive',
      logger: new Logger(Heartbeats.name),
    });
  }

  /** @returns how to stop. */
  keep(stream: EventStream): () => void {
    this.streams.add(stream);
    return () => this.streams.delete(stream);
  }

  private beat(): void {
    for (const stream of this.streams) stream.beat();
  }
}
