import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { storableText } from '../../../platform/common/index.js';
import { Database, insertRows, rows, skipLocked } from '../../../platform/database/index.js';

/** `events`: who is told of an end · `cache`: what it means for others who ask the same. */
export type DeferrableStep = 'events' | 'cache';

export interface DeferredStep {
  readonly generationId: string;
  readonly step: DeferrableStep;
  /** How often it failed, the first time included. */
  readonly tries: number;
  readonly createdAt: number;
}

/** Long enough for any error's beginning. */
const LONGEST_ERROR = 500;

/** Longer than any pause between two tries: what waits longer, an earlier clock had set. */
const LONGEST_WAIT_MS = 900_000;
const DUE = '(next_try_at <= :nowMs OR next_try_at > :farMs)';

/** What failed beside an end, and waits to be done again. */
@Injectable()
export class DeferredStepsRepository {
  constructor(private readonly database: Database) {}

  /** Inside the transaction that writes the end. */
  async add(
    manager: EntityManager,
    steps: readonly Omit<DeferredStep, 'tries' | 'createdAt'>[],
    error: string,
    nowMs: number,
  ): Promise<void> {
    await insertRows(
      manager,
      'deferred_steps',
      steps.map(({ generationId, step }) => ({
        generation_id: generationId,
        step,
        tries: 1,
        next_try_at: nowMs,
        last_error: storableText(error.slice(0, LONGEST_ERROR)),
        created_at: nowMs,
      })),
      'ON CONFLICT (generation_id, step) DO NOTHING',
    );
  }

  /** Takes what is due, for this process alone until `untilMs`. */
  async claim(nowMs: number, untilMs: number, limit: number): Promise<DeferredStep[]> {
    const due = await rows(this.database.manager, `SELECT 1 FROM deferred_steps WHERE ${DUE} LIMIT 1`, {
      nowMs,
      farMs: nowMs + LONGEST_WAIT_MS,
    });
    if (due.length === 0) return [];
    return this.database.write((manager) =>
      rows<DeferredStep>(
        manager,
        `UPDATE deferred_steps SET next_try_at = :untilMs
         WHERE (generation_id, step) IN (SELECT generation_id, step FROM deferred_steps WHERE ${DUE}
           ORDER BY next_try_at LIMIT :limit ${skipLocked(manager)})
         RETURNING generation_id AS "generationId", step, tries, created_at AS "createdAt"`,
        { nowMs, farMs: nowMs + LONGEST_WAIT_MS, untilMs, limit },
      ),
    );
  }

  async postpone({ generationId, step }: DeferredStep, nextTryAtMs: number, error: string): Promise<void> {
    await this.database.write((manager) =>
      rows(
        manager,
        `UPDATE deferred_steps SET tries = tries + 1, next_try_at = :nextTryAtMs, last_error = :error
         WHERE generation_id = :generationId AND step = :step RETURNING step`,
        { generationId, step, nextTryAtMs: Math.round(nextTryAtMs), error: storableText(error.slice(0, LONGEST_ERROR)) },
      ),
    );
  }

  async remove(manager: EntityManager, { generationId, step }: Pick<DeferredStep, 'generationId' | 'step'>): Promise<void> {
    await rows(manager, 'DELETE FROM deferred_steps WHERE generation_id = :generationId AND step = :step RETURNING step', {
      generationId,
      step,
    });
  }
}
