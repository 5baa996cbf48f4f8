export * from './clock.js';
export * from './errors/index.js';
export * from './ids.js';
export * from './money.js';
export * from './http/api-errors.js';
