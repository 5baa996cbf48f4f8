export type { ErrorTable } from './error-tables.js';
export * from './finished.js';
export * from './jobs.js';
export * from './json-text.js';
export * from './media-values.js';
export * from './outputs.js';
export * from './usage.js';
export * from './values.js';
export * from './vendor-error.js';
