export * from './cache-api.module.js';
