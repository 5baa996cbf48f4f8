export * from './class-validator.js';
