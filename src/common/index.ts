export * from './clock.js';
export * from './errors/index.js';
export * from './http/api-errors.js';
export * from './http/pagination.js';
export * from './http/prefer.js';
export * from './ids.js';
export * from './money.js';
