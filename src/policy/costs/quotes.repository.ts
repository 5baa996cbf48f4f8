import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../domain/access/index.js';
import { Database, insertRows, rows } from '../../platform/database/index.js';
import type { Quote } from './costs.types.js';
import type { PriceFacts } from './facts.policy.js';

/** A price that is promised to a tenant for one kind of request. */
export interface StoredQuote {
  readonly id: string;
  /** Catalogue id. */
  readonly model: string;
  readonly facts: PriceFacts;
  readonly quote: Quote;
  readonly expiresAtMs: number;
}

@Injectable()
export class QuotesRepository {
  constructor(private readonly database: Database) {}

  async insert({ orgId, appId }: Tenant, quotes: readonly StoredQuote[], nowMs: number): Promise<void> {
    const values = quotes.map(({ id, model, facts, quote, expiresAtMs }) => ({
      id,
      org_id: orgId,
      app_id: appId,
      model,
      facts: JSON.stringify(facts),
      quote: JSON.stringify(quote),
      created_at: nowMs,
      expires_at: expiresAtMs,
    }));
    await this.database.write((manager) => insertRows(manager, 'quotes', values));
  }

  async find({ orgId, appId }: Tenant, id: string): Promise<StoredQuote | null> {
    const [found] = await rows<{ model: string; facts: string; quote: string; expires_at: number }>(
      this.database.manager,
      'SELECT model, facts, quote, expires_at FROM quotes WHERE id = :id AND org_id = :orgId AND app_id = :appId',
      { id, orgId, appId },
    );
    if (found === undefined) return null;
    const { model, facts, quote, expires_at: expiresAtMs } = found;
    return { id, model, facts: JSON.parse(facts) as PriceFacts, quote: JSON.parse(quote) as Quote, expiresAtMs };
  }

  async removeExpired(beforeMs: number): Promise<void> {
    await this.database.write((manager) => rows(manager, 'DELETE FROM quotes WHERE expires_at < :beforeMs RETURNING id', { beforeMs }));
  }
}
