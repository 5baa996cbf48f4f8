import { Clock, formatUsd } from '../../platform/common/index.js';
import { Database, openDataSources, withoutTimeLimit } from '../../platform/database/index.js';
import { BudgetEntity, type Difference, LedgerRepository, ReconciliationRepository } from '../../policy/budgets/index.js';
import type { CliHost } from './host.js';

type ReconciliationHost = Pick<CliHost, 'loadConfig' | 'migrations' | 'terminal'>;

/** Ends with 1 when anything differs, unless all of it was set right. */
export async function reconcile(host: ReconciliationHost, { repair = false }: { readonly repair?: boolean }): Promise<void> {
  const { terminal } = host;
  const database = new Database(await openDataSources(withoutTimeLimit(host.loadConfig().config), [BudgetEntity], host.migrations));
  try {
    const books = new ReconciliationRepository(database, new LedgerRepository());
    const differences = repair ? await books.repair(new Clock().nowMs()) : await books.differences();
    for (const difference of differences) terminal.out(`${repair ? 'repaired' : 'differs'}  ${described(difference)}\n`);
    const discrepancies = await books.discrepancies();
    for (const { generationId, accountId, holdState, costMicros, heldMicros, spentMicros } of discrepancies) {
      terminal.out(
        `disagrees  ${generationId} is ${holdState} at ${costMicros === null ? 'no' : formatUsd(costMicros)} cost, ` +
          `but the ledger has ${formatUsd(heldMicros)} held and ${formatUsd(spentMicros)} spent in ${accountId}\n`,
      );
    }
    const { costMicros, countedMicros, refundedMicros, missing, missingMicros } = await books.totals();
    if (missing > 0)
      terminal.out(`missing  ${missing} generations of API keys cost ${formatUsd(missingMicros)} and are not in the ledger\n`);
    const left = (repair ? 0 : differences.length) + discrepancies.length + missing;
    terminal.out(
      `generations cost ${formatUsd(costMicros)}: ${formatUsd(countedMicros)} counted in the ledger, of which ${formatUsd(refundedMicros)} ` +
        `was given back, and ${formatUsd(costMicros - countedMicros - missingMicros)} on no budget\n`,
    );
    terminal.out(
      `${await books.countAccounts()} balances computed from the ledger, ${left === 0 ? 'no difference' : `${left} differences`}\n`,
    );
    if (left > 0) terminal.exitCode(1);
  } finally {
    await database.close();
  }
}

function described({ accountId, held, settled }: Difference): string {
  const side = (name: string, { balanceMicros, ledgerMicros }: Difference['held']): string =>
    `${name} ${formatUsd(balanceMicros)}, by the ledger ${formatUsd(ledgerMicros)}`;
  return `${accountId}: ${side('held', held)}; ${side('settled', settled)}`;
}
