export * from './callbacks.module.js';
