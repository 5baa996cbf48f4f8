import { Global, Module } from '@nestjs/common';
import { KeyQuotas } from '../../domain/access/index.js';
import { BudgetDirectory } from './budget-directory.service.js';
import { BudgetsRepository } from './budgets.repository.js';
import { BudgetsService } from './budgets.service.js';
import { BudgetKeyQuotas } from './key-quotas.service.js';
import { LedgerRepository } from './ledger.repository.js';
import { Ledger } from './ledger.service.js';

/** Budgets and the ledger. Global, because keys below know only the port through which their quotas are kept. */
@Global()
@Module({
  providers: [
    BudgetDirectory,
    BudgetsRepository,
    BudgetsService,
    Ledger,
    LedgerRepository,
    { provide: KeyQuotas, useClass: BudgetKeyQuotas },
  ],
  exports: [BudgetDirectory, BudgetsService, KeyQuotas, Ledger],
})
export class BudgetsModule {}
