import { Injectable } from '@nestjs/common';
import type { SelectQueryBuilder } from 'typeorm';
import type { Tenant } from '../auth/index.js';
import { Database, rows, type SqlParameters } from '../database/index.js';
import { type AssetEntity, AssetsRepository } from '../storage/index.js';
import { AttemptEntity } from './attempt.entity.js';
import { GenerationEntity } from './generation.entity.js';
import { type PublicStatus, STATUSES_BY_PUBLIC } from './generation.status.js';
import type { MediaType, Operation } from './generation.types.js';

export interface GenerationFilter {
  readonly status?: PublicStatus;
  /** Catalogue id. */
  readonly model?: string;
  readonly provider?: string;
  readonly mediaType?: MediaType;
  readonly operation?: Operation;
  /** Milliseconds since the epoch, inclusive. */
  readonly fromMs?: number;
  /** Milliseconds since the epoch, inclusive. */
  readonly toMs?: number;
}

export interface Page {
  /** From 1. */
  readonly page: number;
  readonly perPage: number;
}

/** A generation with its files and the vendor's job, for one row of a list. */
export interface GenerationView {
  readonly generation: GenerationEntity;
  readonly inputs: readonly AssetEntity[];
  readonly outputs: readonly AssetEntity[];
  /** In their order. */
  readonly attempts: readonly AttemptEntity[];
}

/** How many rows a stream reads at a time. */
const BATCH = 500;

/** What lists, logs and single look-ups read. Everything belongs to one tenant, and what its owner removed is not seen. */
@Injectable()
export class GenerationsQueries {
  constructor(
    private readonly database: Database,
    private readonly assets: AssetsRepository,
  ) {}

  /** Newest first. */
  async page(
    tenant: Tenant,
    filter: GenerationFilter,
    { page, perPage }: Page,
  ): Promise<{ total: number; generations: GenerationEntity[] }> {
    const [generations, total] = await this.filtered(tenant, filter)
      .skip((page - 1) * perPage)
      .take(perPage)
      .getManyAndCount();
    return { total, generations };
  }

  /** At most `limit` generations that come behind `after`, which is an id of the tenant's own; in the order of their creation, or against it. */
  async from(
    tenant: Tenant,
    filter: GenerationFilter,
    { after, limit, order }: { readonly after?: string; readonly limit: number; readonly order: 'asc' | 'desc' },
  ): Promise<GenerationEntity[]> {
    const direction = order === 'asc' ? 'ASC' : 'DESC';
    const query = this.filtered(tenant, filter)
      .orderBy('generation.createdAt', direction)
      .addOrderBy('generation.id', direction)
      .take(limit);
    if (after !== undefined) {
      const { createdAt } = await this.database.manager.findOneOrFail(GenerationEntity, {
        where: { id: after },
        select: { createdAt: true },
      });
      query.andWhere(`(generation.createdAt, generation.id) ${order === 'asc' ? '>' : '<'} (:afterCreatedAt, :after)`, {
        afterCreatedAt: createdAt,
        after,
      });
    }
    return query.getMany();
  }

  /** At most `limit` generations, newest first, a batch in memory at a time. What is made meanwhile is not among them. */
  async *stream(tenant: Tenant, filter: GenerationFilter, limit: number): AsyncGenerator<readonly GenerationEntity[]> {
    let last: GenerationEntity | undefined;
    for (let left = limit; left > 0; ) {
      const query = this.filtered(tenant, filter).take(Math.min(BATCH, left));
      if (last !== undefined) {
        query.andWhere('(generation.createdAt, generation.id) < (:lastCreatedAt, :lastId)', {
          lastCreatedAt: last.createdAt,
          lastId: last.id,
        });
      }
      const batch = await query.getMany();
      if (batch.length > 0) yield batch;
      if (batch.length < BATCH) return;
      left -= batch.length;
      last = batch.at(-1);
    }
  }

  /** Null when the tenant has no such generation. */
  async find(tenant: Tenant, id: string): Promise<GenerationView | null> {
    const generation = await this.filtered(tenant, {}).andWhere('generation.id = :id', { id }).getOne();
    if (generation === null) return null;
    const [view] = await this.withDetails([generation]);
    return view ?? null;
  }

  /** Adds files and attempts with two queries for all. */
  async withDetails(generations: readonly GenerationEntity[]): Promise<GenerationView[]> {
    const ids = generations.map(({ id }) => id);
    const [assets, attempts] = await Promise.all([this.assets.byGeneration(ids), this.attemptsOf(ids)]);
    const assetsOf = byGeneration(assets);
    const attemptsOf = byGeneration(attempts);
    return generations.map((generation) => {
      const own = assetsOf.get(generation.id) ?? [];
      return {
        generation,
        inputs: own.filter(({ direction }) => direction === 'input'),
        outputs: own.filter(({ direction }) => direction === 'output'),
        attempts: attemptsOf.get(generation.id) ?? [],
      };
    });
  }

  /** How the last attempt at each provider ended, among the tenant's generations since `sinceMs`. */
  lastOutcomes({ orgId, appId }: Tenant, sinceMs: number): Promise<ProviderOutcome[]> {
    return rows<ProviderOutcome>(
      this.database.manager,
      `SELECT provider, error_code AS "errorCode", error_message AS "errorMessage", latency_ms AS "latencyMs", finished_at AS "finishedAt"
       FROM (SELECT attempts.provider, attempts.error_code, attempts.error_message, attempts.finished_at,
               COALESCE(attempts.accepted_at, attempts.finished_at) - attempts.created_at AS latency_ms,
               ROW_NUMBER() OVER (PARTITION BY attempts.provider ORDER BY attempts.finished_at DESC) AS place
             FROM generations JOIN attempts ON attempts.generation_id = generations.id
             WHERE generations.org_id = :orgId AND generations.app_id = :appId AND generations.created_at >= :sinceMs
               AND attempts.finished_at IS NOT NULL) recent
       WHERE place = 1`,
      { orgId, appId, sinceMs },
    );
  }

  private attemptsOf(ids: readonly string[]): Promise<AttemptEntity[]> {
    if (ids.length === 0) return Promise.resolve([]);
    return this.database.manager
      .createQueryBuilder(AttemptEntity, 'attempt')
      .where('attempt.generationId IN (:...ids)', { ids })
      .orderBy('attempt.generationId')
      .addOrderBy('attempt.ordinal')
      .getMany();
  }

  private filtered({ orgId, appId }: Tenant, filter: GenerationFilter): SelectQueryBuilder<GenerationEntity> {
    const query = this.database.manager
      .createQueryBuilder(GenerationEntity, 'generation')
      .where('generation.orgId = :orgId AND generation.appId = :appId AND generation.deletedAt IS NULL', { orgId, appId })
      .orderBy('generation.createdAt', 'DESC')
      .addOrderBy('generation.id', 'DESC');
    const { status, model, provider, mediaType, operation, fromMs, toMs } = filter;
    const narrow = (condition: string, parameters: SqlParameters): void => void query.andWhere(condition, parameters);
    if (status !== undefined) narrow('generation.status IN (:...statuses)', { statuses: STATUSES_BY_PUBLIC[status] });
    if (model !== undefined) narrow('generation.model = :model', { model });
    if (provider !== undefined) narrow('generation.provider = :provider', { provider });
    if (mediaType !== undefined) narrow('generation.mediaType = :mediaType', { mediaType });
    if (operation !== undefined) narrow('generation.operation = :operation', { operation });
    if (fromMs !== undefined) narrow('generation.createdAt >= :fromMs', { fromMs });
    if (toMs !== undefined) narrow('generation.createdAt <= :toMs', { toMs });
    return query;
  }
}

/** The last that was heard from a provider. */
export interface ProviderOutcome {
  readonly provider: string;
  /** A code of the error registry; null when the attempt went well. */
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  /** Until the vendor accepted the job or answered. */
  readonly latencyMs: number;
  readonly finishedAt: number;
}

function byGeneration<Row extends { readonly generationId: string }>(rows: readonly Row[]): ReadonlyMap<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.generationId);
    if (group === undefined) groups.set(row.generationId, [row]);
    else group.push(row);
  }
  return groups;
}
