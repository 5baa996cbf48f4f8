export * from './engine-span.js';
export * from './sdk.js';
