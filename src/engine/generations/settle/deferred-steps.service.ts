import { Injectable, Logger, Optional } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AssetsRepository } from '../../../domain/storage/index.js';
import { Clock } from '../../../platform/common/index.js';
import { Database } from '../../../platform/database/index.js';
import { PeriodicTasks } from '../../../platform/schedule/index.js';
import { isTerminal } from '../model/generation.types.js';
import { GenerationEvents } from '../model/generation-events.port.js';
import { CoalescedRequestsRepository } from '../store/coalesced-requests.repository.js';
import { type DeferredStep, DeferredStepsRepository } from '../store/deferred-steps.repository.js';
import { GenerationsRepository } from '../store/generations.repository.js';

const LOOK_INTERVAL_MS = 1_000;
const AT_ONCE = 100;
/** A process that dies leaves what it took to others after this time. */
const CLAIM_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 600_000;
/** What nobody mended by then is of no use to anybody. */
const GIVEN_UP_AFTER_MS = 7 * 86_400_000;

/** Does again what failed beside the ends of generations, until it works. */
@Injectable()
export class DeferredSteps {
  private readonly logger = new Logger(DeferredSteps.name);

  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly steps: DeferredStepsRepository,
    private readonly generations: GenerationsRepository,
    private readonly assets: AssetsRepository,
    private readonly coalesced: CoalescedRequestsRepository,
    periodic: PeriodicTasks,
    @Optional() private readonly events?: GenerationEvents,
  ) {
    periodic.add({
      name: 'generations.deferred',
      intervalMs: LOOK_INTERVAL_MS,
      run: () => this.tryDue(),
      failure: 'What failed beside the ends of generations could not be looked up',
      logger: this.logger,
      isForWorkers: true,
    });
  }

  private async tryDue(): Promise<void> {
    const nowMs = this.clock.nowMs();
    for (const step of await this.steps.claim(nowMs, nowMs + CLAIM_MS, AT_ONCE)) await this.tryAgain(step);
  }

  private async tryAgain(step: DeferredStep): Promise<void> {
    const { generationId, step: name, tries } = step;
    try {
      await this.redo(step);
      this.logger.log(`${name} of ${generationId} worked after ${tries} failures`);
    } catch (error) {
      const nowMs = this.clock.nowMs();
      if (nowMs - step.createdAt > GIVEN_UP_AFTER_MS) {
        this.logger.error(`${name} of ${generationId} failed ${tries + 1} times and is given up: ${String(error)}`);
        await this.database.write((manager) => this.steps.remove(manager, step));
        return;
      }
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 20)) * (0.75 + Math.random() / 2);
      this.logger.warn(`${name} of ${generationId} failed ${tries + 1} times; next in ${Math.round(pauseMs / 1000)} s: ${String(error)}`);
      await this.steps.postpone(step, nowMs + pauseMs, String(error));
    }
  }

  /** @throws Error when it is still not done */
  private async redo(step: DeferredStep): Promise<void> {
    const { generationId, step: name } = step;
    const generation = await this.generations.findAny(generationId);
    const outputs = (await this.assets.byGeneration([generationId])).filter(({ direction }) => direction === 'output');
    const isComplete = await this.database.transaction(async (manager) => {
      const isDone = generation === null || !isTerminal(generation.status) || (await this.doStep(manager, name, { generation, outputs }));
      if (isDone) await this.steps.remove(manager, step);
      return isDone;
    });
    if (!isComplete) throw new Error('somebody could not be told yet');
  }

  private async doStep(
    manager: EntityManager,
    step: DeferredStep['step'],
    end: Parameters<GenerationEvents['endedLate']>[1],
  ): Promise<boolean> {
    if (step === 'events') return (await this.events?.endedLate(manager, end)) ?? true;
    await this.coalesced.endLate(manager, end.generation, end.outputs, this.clock.nowMs());
    return true;
  }
}
