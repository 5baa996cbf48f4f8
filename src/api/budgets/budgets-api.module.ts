import { Module } from '@nestjs/common';
import { BudgetsModule } from '../../policy/budgets/index.js';
import { BudgetsController } from './budgets.controller.js';

/** Budgets and their balances. */
@Module({ imports: [BudgetsModule], controllers: [BudgetsController] })
export class BudgetsApiModule {}
