export * from './metrics-api.module.js';
