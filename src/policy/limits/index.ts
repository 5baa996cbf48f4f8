export * from './capacity.policy.js';
export * from './generation-limits.service.js';
export { KeyThrottlerGuard } from './key-throttler.guard.js';
export * from './limits.module.js';
export * from './rate-check.service.js';
