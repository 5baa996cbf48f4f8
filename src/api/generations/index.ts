export * from './generations-api.module.js';
