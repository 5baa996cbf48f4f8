export * from './providers-api.module.js';
