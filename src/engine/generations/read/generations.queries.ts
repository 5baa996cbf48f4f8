import { Injectable } from '@nestjs/common';
import type { SelectQueryBuilder } from 'typeorm';
import type { Reach, Tenant } from '../../../domain/access/index.js';
import type { Modality } from '../../../domain/catalog/index.js';
import { type AssetEntity, AssetsRepository } from '../../../domain/storage/index.js';
import { type Cursor, firstOf, type Page, type PageRequest } from '../../../platform/common/index.js';
import { Database, rows, type SqlParameters } from '../../../platform/database/index.js';
import { AttemptEntity } from '../model/attempt.entity.js';
import { GenerationEntity } from '../model/generation.entity.js';
import { type PublicStatus, STATUSES_BY_PUBLIC } from '../model/generation.status.js';
import type { Operation } from '../model/generation.types.js';

export interface GenerationFilter {
  readonly status?: PublicStatus;
  /** Catalogue id. */
  readonly model?: string;
  readonly provider?: string;
  readonly mediaType?: Modality;
  readonly operation?: Operation;
  /** Milliseconds since the epoch, inclusive. */
  readonly fromMs?: number;
  /** Milliseconds since the epoch, inclusive. */
  readonly toMs?: number;
}

/** A generation with its files and the vendor's job, for one row of a list. */
export interface GenerationView {
  readonly generation: GenerationEntity;
  readonly inputs: readonly AssetEntity[];
  readonly outputs: readonly AssetEntity[];
  /** In their order. */
  readonly attempts: readonly AttemptEntity[];
}

/** A generation in a list. */
export type GenerationSummary = Omit<GenerationView, 'attempts'> & {
  readonly attempts: readonly Pick<AttemptEntity, 'id' | 'state' | 'vendorJobId'>[];
};

/** How many rows a stream reads at a time. */
const BATCH = 500;
/** What a line of the log is made of. */
const LOGGED = [
  'id',
  'model',
  'provider',
  'status',
  'mediaType',
  'costMicros',
  'createdAt',
  'completedAt',
  'cachedFrom',
  'errorMessage',
] as const satisfies readonly (keyof GenerationEntity)[];

export type LoggedGeneration = Pick<GenerationEntity, (typeof LOGGED)[number]>;

/** Bytes of the columns that may be long. */
const LENGTH = ['request', 'receipt', 'quote', 'metadata', 'usage', 'errorMessage', 'errorDetails']
  .map((column) => `COALESCE(OCTET_LENGTH(generation.${column}), 0)`)
  .join(' + ');

function inOrder(query: SelectQueryBuilder<GenerationEntity>, order: 'asc' | 'desc'): SelectQueryBuilder<GenerationEntity> {
  const direction = order === 'asc' ? 'ASC' : 'DESC';
  return query.orderBy('generation.createdAt', direction).addOrderBy('generation.id', direction);
}

function behind(query: SelectQueryBuilder<GenerationEntity>, { createdAt, id }: Cursor, order: 'asc' | 'desc'): void {
  query.andWhere(`(generation.createdAt, generation.id) ${order === 'asc' ? '>' : '<'} (:afterCreatedAt, :afterId)`, {
    afterCreatedAt: createdAt,
    afterId: id,
  });
}

/** What lists, logs and single look-ups read: nothing beyond the caller's reach, and nothing that its owner removed. */
@Injectable()
export class GenerationsQueries {
  constructor(
    private readonly database: Database,
    private readonly assets: AssetsRepository,
  ) {}

  /** Newest first. */
  async page(reach: Reach, filter: GenerationFilter, request: PageRequest): Promise<Page<GenerationEntity>> {
    const query = this.filtered(reach, filter);
    return { total: await query.getCount(), ...(await this.part(query, { ...request, order: 'desc' })) };
  }

  /** One page of those that come behind `after` in the order of their creation, or against it. */
  from(
    reach: Reach,
    filter: GenerationFilter,
    request: Pick<PageRequest, 'perPage' | 'after'> & { readonly order: 'asc' | 'desc' },
  ): Promise<Pick<Page<GenerationEntity>, 'rows' | 'next'>> {
    return this.part(this.filtered(reach, filter), { ...request, page: 1 });
  }

  /** Where a generation stands in lists, also when its owner removed it since. Null when there never was one within the reach. */
  placeOf({ orgId, appId, onlyKeyId }: Reach, id: string, mediaType: Modality): Promise<Cursor | null> {
    return this.database.manager.findOne(GenerationEntity, {
      where: { id, orgId, appId, mediaType, ...(onlyKeyId === null ? {} : { keyId: onlyKeyId }) },
      select: { id: true, createdAt: true },
    });
  }

  /** At most `limit` generations, newest first, a batch in memory at a time, without what callers and vendors wrote of any length. */
  async *stream(reach: Reach, filter: GenerationFilter, limit: number): AsyncGenerator<readonly LoggedGeneration[]> {
    let last: LoggedGeneration | undefined;
    for (let left = limit; left > 0; ) {
      const query = this.filtered(reach, filter)
        .select(LOGGED.map((column) => `generation.${column}`))
        .take(Math.min(BATCH, left));
      if (last !== undefined) behind(query, last, 'desc');
      const batch = await query.getMany();
      if (batch.length > 0) yield batch;
      if (batch.length < BATCH) return;
      left -= batch.length;
      last = batch.at(-1);
    }
  }

  /** Null when there is no such generation within the reach. */
  async find(reach: Reach, id: string): Promise<GenerationView | null> {
    const generation = await this.filtered(reach, {}).andWhere('generation.id = :id', { id }).getOne();
    if (generation === null) return null;
    const [view] = await this.withDetails([generation]);
    return view ?? null;
  }

  /** Whether there is such a generation within the reach. */
  async has(reach: Reach, id: string): Promise<boolean> {
    return (await this.filtered(reach, {}).andWhere('generation.id = :id', { id }).getCount()) === 1;
  }

  /** Adds files and attempts with two queries for all. */
  async withDetails(generations: readonly GenerationEntity[]): Promise<GenerationView[]> {
    return this.withAttempts(generations, (ids) => this.attemptsOf(ids).getMany());
  }

  /** As {@link withDetails}, for lists: of the attempts no more than the names of the vendor's jobs. */
  async withFiles(generations: readonly GenerationEntity[]): Promise<GenerationSummary[]> {
    return this.withAttempts(generations, (ids) =>
      this.attemptsOf(ids)
        .select(['attempt.id', 'attempt.generationId', 'attempt.ordinal', 'attempt.state', 'attempt.vendorJobId'])
        .getMany(),
    );
  }

  private async withAttempts(
    generations: readonly GenerationEntity[],
    read: (ids: readonly string[]) => Promise<AttemptEntity[]>,
  ): Promise<GenerationView[]> {
    const ids = generations.map(({ id }) => id);
    if (ids.length === 0) return [];
    const [assets, attempts] = await Promise.all([this.assets.byGeneration(ids), read(ids)]);
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
               COALESCE(attempts.accepted_at, attempts.finished_at) - attempts.sent_at AS latency_ms,
               ROW_NUMBER() OVER (PARTITION BY attempts.provider ORDER BY attempts.finished_at DESC) AS place
             FROM generations JOIN attempts ON attempts.generation_id = generations.id
             WHERE generations.org_id = :orgId AND generations.app_id = :appId AND generations.created_at >= :sinceMs
               AND attempts.finished_at IS NOT NULL AND attempts.sent_at IS NOT NULL) recent
       WHERE place = 1`,
      { orgId, appId, sinceMs },
    );
  }

  /** Those that were begun. */
  private attemptsOf(ids: readonly string[]): SelectQueryBuilder<AttemptEntity> {
    return this.database.manager
      .createQueryBuilder(AttemptEntity, 'attempt')
      .where('attempt.generationId IN (:...ids) AND attempt.sentAt IS NOT NULL', { ids })
      .orderBy('attempt.generationId')
      .addOrderBy('attempt.ordinal');
  }

  /** Looks at sizes first: a row may hold megabytes, and is not read where there is no room for it. */
  private async part(
    query: SelectQueryBuilder<GenerationEntity>,
    { page, perPage, after, order }: PageRequest & { readonly order: 'asc' | 'desc' },
  ): Promise<Pick<Page<GenerationEntity>, 'rows' | 'next'>> {
    const index = query
      .clone()
      .select('generation.id', 'id')
      .addSelect('generation.createdAt', 'createdAt')
      .addSelect(LENGTH, 'bytes')
      .limit(perPage + 1)
      .offset((page - 1) * perPage);
    inOrder(index, order);
    if (after !== undefined) behind(index, after, order);
    const found = await index.getRawMany<{ id: string; createdAt: number | string; bytes: number | string }>();
    const places = found.map(({ id, createdAt, bytes }) => ({ id, createdAt: Number(createdAt), bytes: Number(bytes) }));
    const { rows: taken, next } = firstOf(places, perPage, ({ bytes }) => bytes);
    if (taken.length === 0) return { rows: [], next };
    const whole = this.database.manager
      .createQueryBuilder(GenerationEntity, 'generation')
      .where('generation.id IN (:...ids)', { ids: taken.map(({ id }) => id) });
    return { rows: await inOrder(whole, order).getMany(), next };
  }

  private filtered({ orgId, appId, onlyKeyId }: Reach, filter: GenerationFilter): SelectQueryBuilder<GenerationEntity> {
    const query = this.database.manager
      .createQueryBuilder(GenerationEntity, 'generation')
      .where('generation.orgId = :orgId AND generation.appId = :appId AND generation.deletedAt IS NULL', { orgId, appId });
    inOrder(query, 'desc');
    const { status, model, provider, mediaType, operation, fromMs, toMs } = filter;
    const narrow = (condition: string, parameters: SqlParameters): void => void query.andWhere(condition, parameters);
    if (onlyKeyId !== null) narrow('generation.keyId = :onlyKeyId', { onlyKeyId });
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
