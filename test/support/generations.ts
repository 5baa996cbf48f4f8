import { DEFAULT_TENANT } from '../../src/domain/access/index.js';
import { AssetEntity } from '../../src/domain/storage/index.js';
import { AttemptEntity, GenerationEntity } from '../../src/engine/generations/index.js';
import { isActiveState } from '../../src/engine/generations/model/transitions.js';
import { newId } from '../../src/platform/common/index.js';
import type { Database } from '../../src/platform/database/index.js';

/** 2027-01-15T08:00:00Z */
export const SEED_TIME_MS = 1_800_000_000_000;

/** Rows as the engine leaves them, for tests of what reads them. A completed image unless told otherwise. */
export function generationRow(change: Partial<GenerationEntity> = {}): GenerationEntity {
  const createdAt = change.createdAt ?? SEED_TIME_MS;
  const ended = change.status === undefined || ['completed', 'failed', 'cancelled'].includes(change.status);
  return Object.assign(new GenerationEntity(), {
    ...DEFAULT_TENANT,
    id: newId('litegen-img'),
    keyId: null,
    endUser: null,
    operation: 'image.generate',
    mediaType: 'image',
    model: 'mock/paint',
    requestedModel: 'paint',
    provider: 'mock',
    status: 'completed',
    progress: ended ? 100 : 0,
    request: { prompt: 'a fox', n: 1, params: { quality: 'low' }, extra: {}, inputRoles: [], partialImages: 0, strict: true },
    receipt: { applied: ['prompt'], mapped: [], emulated: [], dropped: [], unverified: [], rejected: [] },
    quote: {
      amountMicros: 40_000,
      exact: true,
      currency: 'USD',
      source: 'catalog',
      components: [],
      markupMicros: 0,
      ceilingMicros: 50_000,
      terms: { pricing: { base_cost_usd: 0.04, components: [], estimates: [] }, params: {}, markupPercent: 0 },
    },
    metadata: null,
    holdMicros: 50_000,
    holdState: ended ? 'settled' : 'held',
    costMicros: ended ? 40_000 : null,
    costSource: ended ? 'catalog' : null,
    usage: null,
    errorCode: null,
    errorMessage: null,
    errorDetails: null,
    attemptCount: 0,
    deadlineAt: 9_000_000_000_000,
    cancelRequestedAt: null,
    cacheKey: null,
    cachedFrom: null,
    requestId: null,
    traceParent: null,
    createdAt,
    startedAt: createdAt,
    completedAt: ended ? createdAt + 1000 : null,
    updatedAt: createdAt,
    deletedAt: null,
    ...change,
  });
}

export function attemptRow(generation: GenerationEntity, change: Partial<AttemptEntity> = {}): AttemptEntity {
  const { state = 'succeeded' } = change;
  return Object.assign(new AttemptEntity(), {
    id: newId('attempt'),
    generationId: generation.id,
    orgId: generation.orgId,
    appId: generation.appId,
    ordinal: 1,
    provider: generation.provider,
    model: generation.model,
    state,
    leaseOwner: null,
    leaseToken: 0,
    // Far away, so that no worker takes it up.
    nextRunAt: isActiveState(state) ? 9_000_000_000_000 : null,
    dueAt: null,
    pollCount: 0,
    waitsFor: null,
    operation: null,
    result: null,
    vendorJobId: null,
    vendorRequestId: null,
    callbackToken: null,
    charged: 'yes',
    errorCode: null,
    errorMessage: null,
    vendorCode: null,
    vendorStatus: null,
    warnings: null,
    createdAt: generation.createdAt,
    sentAt: state === 'queued' ? null : generation.createdAt,
    acceptedAt: state === 'accepted' ? generation.createdAt : null,
    finishedAt: generation.completedAt,
    updatedAt: generation.updatedAt,
    ...change,
  });
}

export function assetRow(generation: GenerationEntity, change: Partial<AssetEntity> = {}): AssetEntity {
  return Object.assign(new AssetEntity(), {
    id: newId('asset'),
    orgId: generation.orgId,
    appId: generation.appId,
    generationId: generation.id,
    direction: 'output',
    position: 0,
    role: null,
    sha256: 'ab'.repeat(32),
    contentType: 'image/png',
    bytes: 1234,
    width: 64,
    height: 64,
    durationMs: null,
    revisedPrompt: null,
    sourceUrl: null,
    createdAt: generation.createdAt,
    ...change,
  });
}

export interface SeedRows {
  readonly generations: readonly GenerationEntity[];
  readonly attempts?: readonly AttemptEntity[];
  readonly assets?: readonly AssetEntity[];
}

const AT_ONCE = 200;

export async function seed(database: Database, { generations, attempts = [], assets = [] }: SeedRows): Promise<void> {
  await database.transaction(async (manager) => {
    for (const [entity, rows] of [
      [GenerationEntity, generations],
      [AttemptEntity, attempts],
      [AssetEntity, assets],
    ] as const) {
      for (let start = 0; start < rows.length; start += AT_ONCE) {
        await manager
          .createQueryBuilder()
          .insert()
          .into(entity)
          // Each entity's own rows; of three kinds at once the compiler's answer depends on the order in which it met them.
          .values(rows.slice(start, start + AT_ONCE) as never[])
          .updateEntity(false)
          .execute();
      }
    }
  });
}
