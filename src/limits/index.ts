export { KeyThrottlerGuard } from './key-throttler.guard.js';
export * from './limits.module.js';
