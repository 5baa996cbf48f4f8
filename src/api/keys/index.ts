export * from './keys-api.module.js';
