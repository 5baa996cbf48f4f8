import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../../domain/access/index.js';
import type { Micros } from '../../../platform/common/index.js';
import { Database, rows, type SqlParameters } from '../../../platform/database/index.js';
import { statusIs } from '../store/status-conditions.js';

export interface Totals {
  readonly requests: number;
  readonly completed: number;
  readonly failed: number;
  /** Completed with the result of another generation. */
  readonly cached: number;
  readonly costMicros: Micros;
  /** Over the completed; null without any. */
  readonly averageLatencyMs: number | null;
}

export interface NamedTotals extends Totals {
  readonly name: string;
}

/** Nearest-rank percentiles, milliseconds; null without a sample. */
export interface LatencyPercentiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly samples: number;
}

const TOTALS = `
  COUNT(*) AS requests,
  COUNT(CASE WHEN ${statusIs('completed')} THEN 1 END) AS completed,
  COUNT(CASE WHEN ${statusIs('failed')} THEN 1 END) AS failed,
  COUNT(CASE WHEN ${statusIs('completed')} AND cached_from IS NOT NULL THEN 1 END) AS cached,
  CAST(COALESCE(SUM(cost_micros), 0) AS BIGINT) AS "costMicros",
  CAST(AVG(CASE WHEN ${statusIs('completed')} THEN completed_at - created_at END) AS DOUBLE PRECISION) AS "averageLatencyMs"`;

/** What its owner removed was asked for and paid for all the same. */
const OWN = 'org_id = :orgId AND app_id = :appId';

/** Nothing lives longer than this, so older rows need not be looked at for what ended lately. */
const LONGEST_LIFE_MS = 86_400_000;

/** Figures about a tenant's generations. The database counts; only the answer is ever in memory. */
@Injectable()
export class GenerationStatsQueries {
  constructor(private readonly database: Database) {}

  async totals(tenant: Tenant): Promise<Totals> {
    const [totals] = await this.query<Totals>(tenant, `SELECT ${TOTALS} FROM generations WHERE ${OWN}`);
    return totals ?? { requests: 0, completed: 0, failed: 0, cached: 0, costMicros: 0, averageLatencyMs: null };
  }

  /** The busiest first. */
  totalsBy(tenant: Tenant, column: 'model' | 'provider', limit: number): Promise<NamedTotals[]> {
    return this.query<NamedTotals>(
      tenant,
      `SELECT ${column} AS name, ${TOTALS} FROM generations WHERE ${OWN} GROUP BY ${column} ORDER BY COUNT(*) DESC, ${column} LIMIT :limit`,
      { limit },
    );
  }

  /** How many were admitted since then. */
  async admittedSince(tenant: Tenant, sinceMs: number): Promise<number> {
    const [row] = await this.query<{ count: number }>(
      tenant,
      `SELECT COUNT(*) AS count FROM generations WHERE ${OWN} AND created_at >= :sinceMs`,
      { sinceMs },
    );
    return row?.count ?? 0;
  }

  /** Of what completed since then, from admission to the end. */
  async latencyPercentiles(tenant: Tenant, sinceMs: number): Promise<LatencyPercentiles> {
    const rank = (percent: number): string => `(samples * ${percent} + 99) / 100`;
    const at = (percent: number): string => `MAX(CASE WHEN place = ${rank(percent)} THEN latency END)`;
    const [row] = await this.query<LatencyPercentiles>(
      tenant,
      `SELECT ${at(50)} AS p50, ${at(95)} AS p95, ${at(99)} AS p99, COALESCE(MAX(samples), 0) AS samples
       FROM (SELECT completed_at - created_at AS latency, ROW_NUMBER() OVER (ORDER BY completed_at - created_at) AS place, COUNT(*) OVER () AS samples
             FROM generations
             WHERE ${OWN} AND created_at >= :oldestMs AND completed_at >= :sinceMs AND ${statusIs('completed')}) measured`,
      { sinceMs, oldestMs: sinceMs - LONGEST_LIFE_MS },
    );
    return row ?? { p50: null, p95: null, p99: null, samples: 0 };
  }

  private query<Row>({ orgId, appId }: Tenant, text: string, parameters: SqlParameters = {}): Promise<Row[]> {
    return rows<Row>(this.database.manager, text, { orgId, appId, ...parameters });
  }
}
