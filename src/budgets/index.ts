export * from './budgets.module.js';
export * from './key-budget.repository.js';
