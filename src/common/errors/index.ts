export * from './api-error.js';
export * from './registry.js';
