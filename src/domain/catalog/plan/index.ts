export { checkPrompt, planRequest, validateAll } from './plan.policy.js';
export type * from './plan.types.js';
