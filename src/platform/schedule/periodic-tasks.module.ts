import { Global, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { PeriodicTasks } from './periodic-tasks.service.js';

/** What a process does again and again beside its requests. */
@Global()
@Module({ imports: [ScheduleModule.forRoot()], providers: [PeriodicTasks], exports: [PeriodicTasks, ScheduleModule] })
export class PeriodicTasksModule {}
