import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { EventStream } from '../../platform/common/index.js';

const HEARTBEAT_MS = 15_000;

/** Keeps open event streams alive with one timer for all. */
@Injectable()
export class Heartbeats {
  private readonly streams = new Set<EventStream>();

  /** @returns how to stop. */
  keep(stream: EventStream): () => void {
    this.streams.add(stream);
    return () => this.streams.delete(stream);
  }

  @Interval('api.heartbeats', HEARTBEAT_MS)
  beat(): void {
    for (const stream of this.streams) stream.beat();
  }
}
