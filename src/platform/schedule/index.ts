export { PeriodicTask, type PeriodicTaskOptions, type RunCause } from './periodic-task.js';
export { PeriodicTasksModule } from './periodic-tasks.module.js';
export { PeriodicTasks } from './periodic-tasks.service.js';
