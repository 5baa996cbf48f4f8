import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Micros } from '../../platform/common/index.js';
import type { Account, Balance, LedgerEntry, Refusal, Spender } from './budget.types.js';
import { leastRemaining, type Movement, moved, movement, refusalOf, settlement } from './ledger.policy.js';
import { LedgerRepository } from './ledger.repository.js';

/** What a ledger entry says about its cause. */
export interface Cause {
  readonly generationId: string;
  readonly attemptId: string | null;
  readonly spender: Spender;
  readonly atMs: number;
  readonly reason: string | null;
}

export interface HoldRequest extends Cause {
  readonly amountMicros: Micros;
  /** From `BudgetDirectory.accountsOf`. */
  readonly accounts: readonly Account[];
}

/** `remainingMicros`: the least that any budget has left afterwards; null: nothing is bounded. */
export type HoldResult =
  | { readonly granted: true; readonly remainingMicros: Micros | null }
  | { readonly granted: false; readonly refusal: Refusal };

export interface SettleRequest extends Cause {
  readonly costMicros: Micros;
  /** What this process saw granted for the generation; absent: the ledger's lines are asked. */
  readonly hold?: Pick<HoldRequest, 'accounts' | 'amountMicros'>;
  /** Counted when nothing was held because the request seemed to be free. */
  readonly accounts: readonly Account[];
}

export interface RefundRequest extends Cause {
  /** Unique for the generation. */
  readonly refundId: string;
  readonly amountMicros: Micros;
}

/** `refundableMicros`: what is still left to give back after it. */
export type RefundResult =
  | { readonly kind: 'refunded'; readonly refundableMicros: Micros }
  | { readonly kind: 'repeated'; readonly amountMicros: Micros; readonly refundableMicros: Micros }
  | { readonly kind: 'too_much'; readonly refundableMicros: Micros };

/**
 * Money that is promised, spent and given back. Every event is a set of lines that are only ever added; balances change in the
 * same transaction and can be computed anew from the lines.
 */
@Injectable()
export class Ledger {
  constructor(private readonly repository: LedgerRepository) {}

  /** Reserves money for requests in their order: each on all of its accounts or on none. */
  async hold(manager: EntityManager, requests: readonly HoldRequest[]): Promise<HoldResult[]> {
    const posting = await this.open(
      manager,
      requests.flatMap(({ accounts, amountMicros }) => (amountMicros === 0 ? [] : accounts.map(({ id }) => id))),
    );
    const results = requests.map((request): HoldResult => {
      const { accounts, amountMicros } = request;
      if (amountMicros === 0) return { granted: true, remainingMicros: null };
      const refusal = refusalOf(accounts, posting.balances, amountMicros);
      if (refusal !== null) return { granted: false, refusal };
      for (const { id } of accounts) posting.post(id, movement('hold', amountMicros), request, `hold/${request.generationId}`);
      return { granted: true, remainingMicros: leastRemaining(accounts.flatMap(({ id }) => posting.balances.get(id) ?? [])) };
    });
    await posting.close();
    return results;
  }

  /**
   * Turns what generations hold into what they cost; a cost of 0 gives all of it back.
   * @throws when a generation was settled before: the ledger's key refuses a second end
   */
  async settle(manager: EntityManager, requests: readonly SettleRequest[]): Promise<void> {
    const asked = requests.flatMap(({ generationId, hold }) => (hold === undefined ? [generationId] : []));
    const held = asked.length === 0 ? [] : await this.repository.postedBy(manager, asked);
    const plans = requests.map((request) => {
      const { hold } = request;
      const own =
        hold?.accounts.map(({ id }) => ({ accountId: id, heldMicros: hold.amountMicros })) ??
        held.filter(({ generationId }) => generationId === request.generationId);
      const shares = own.length > 0 ? own : request.accounts.map(({ id }) => ({ accountId: id, heldMicros: 0 }));
      return { request, shares };
    });
    const posting = await this.open(
      manager,
      plans.flatMap(({ shares }) => shares.map(({ accountId }) => accountId)),
    );
    for (const { request, shares } of plans) {
      for (const { accountId, heldMicros } of shares) {
        posting.post(accountId, settlement(heldMicros, request.costMicros), request, `end/${request.generationId}`);
      }
    }
    await posting.close();
  }

  /** Gives back what a generation spent. The same `refundId` is booked once. The caller holds the generation's row. */
  async refund(manager: EntityManager, request: RefundRequest): Promise<RefundResult> {
    const posted = await this.repository.postedBy(manager, [request.generationId]);
    const refundableMicros = posted.length === 0 ? 0 : Math.min(...posted.map(({ spentMicros }) => spentMicros));
    const transactionId = `refund/${request.generationId}/${request.refundId}`;
    const earlier = await this.repository.amountOf(manager, transactionId);
    if (earlier !== null) return { kind: 'repeated', amountMicros: earlier, refundableMicros };
    if (request.amountMicros > refundableMicros) return { kind: 'too_much', refundableMicros };
    const posting = await this.open(
      manager,
      posted.map(({ accountId }) => accountId),
    );
    for (const { accountId } of posted) posting.post(accountId, movement('refund', request.amountMicros), request, transactionId);
    await posting.close();
    return { kind: 'refunded', refundableMicros: refundableMicros - request.amountMicros };
  }

  private async open(manager: EntityManager, accountIds: readonly string[]): Promise<Posting> {
    const balances = accountIds.length === 0 ? new Map<string, Balance>() : await this.repository.lock(manager, new Set(accountIds));
    return new Posting(this.repository, manager, balances);
  }
}

/** Lines that are gathered, and the balances that they lead to. */
class Posting {
  private readonly entries: LedgerEntry[] = [];
  private readonly changed = new Set<string>();

  constructor(
    private readonly repository: LedgerRepository,
    private readonly manager: EntityManager,
    readonly balances: Map<string, Balance>,
  ) {}

  post(accountId: string, movements: readonly Movement[], cause: Cause, transactionId: string): void {
    const balance = this.balances.get(accountId);
    if (balance === undefined) throw new Error(`The balance ${accountId} is not locked`);
    if (movements.length === 0) return;
    this.balances.set(accountId, moved(balance, movements));
    this.changed.add(accountId);
    for (const [line, { kind, debit, credit, amountMicros }] of movements.entries()) {
      this.entries.push({
        transactionId,
        line,
        at: cause.atMs,
        kind,
        accountId,
        budgetId: balance.budgetId,
        debit,
        credit,
        amountMicros,
        orgId: cause.spender.orgId,
        appId: cause.spender.appId,
        keyId: cause.spender.keyId,
        generationId: cause.generationId,
        attemptId: cause.attemptId,
        reason: cause.reason,
      });
    }
  }

  async close(): Promise<void> {
    const [first] = this.entries;
    if (first === undefined) return;
    await this.repository.store(
      this.manager,
      [...this.changed].flatMap((id) => this.balances.get(id) ?? []),
      first.at,
    );
    await this.repository.append(this.manager, this.entries);
  }
}
