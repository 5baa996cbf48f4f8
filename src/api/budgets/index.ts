export * from './budgets-api.module.js';
