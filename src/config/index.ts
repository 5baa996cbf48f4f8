export * from './config.module.js';
export * from './exposure.js';
export * from './load.js';
export * from './schema.js';
export * from './vendor-environment.js';
