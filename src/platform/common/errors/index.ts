export * from './api-error.js';
export * from './registry.js';
export * from './stack.js';
export * from './start-refusal.js';
