import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Clock } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { PeriodicTask, type PeriodicTaskOptions } from './periodic-task.js';

/** Starts the tasks of this process once the application is bootstrapped. They end with it: @nestjs/schedule clears what is in its registry. */
@Injectable()
export class PeriodicTasks implements OnApplicationBootstrap {
  private readonly tasks: PeriodicTask[] = [];

  constructor(
    private readonly registry: SchedulerRegistry,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Pick<Config, 'role'>,
  ) {}

  /** To be called in a provider's constructor. */
  add(options: PeriodicTaskOptions): PeriodicTask {
    const isForbidden = options.isForWorkers === true && this.config.role === 'api';
    const task = new PeriodicTask(options, this.registry, this.clock, isForbidden);
    this.tasks.push(task);
    return task;
  }

  onApplicationBootstrap(): void {
    for (const task of this.tasks) task.start();
  }
}
