export * from './capacity.policy.js';
export * from './limits.module.js';
export { CapacityLimits, GenerationRates, KeyThrottlerGuard } from './limits.service.js';
export * from './rate-check.service.js';
