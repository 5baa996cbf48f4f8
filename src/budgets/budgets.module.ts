import { Module } from '@nestjs/common';
import { KeyBudgetRepository } from './key-budget.repository.js';

@Module({ providers: [KeyBudgetRepository], exports: [KeyBudgetRepository] })
export class BudgetsModule {}
