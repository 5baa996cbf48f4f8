import type { JsonObject, Operation } from '@litegen/plugin-sdk';
import { Inject, Injectable } from '@nestjs/common';
import { mayUseModel, type Principal } from '../auth/index.js';
import type { CacheDirectives } from '../cache/index.js';
import { CatalogService, type Model, type Plan, planRequest } from '../catalog/index.js';
import { ApiError, Clock, newId } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { CostsService, type Quote } from '../costs/index.js';
import { ProviderRegistry } from '../providers/index.js';
import { type AssetEntity, type IngestedReference, ReferenceIngestion, type ReferenceSource } from '../storage/index.js';
import { currentTraceParent } from '../tracing/index.js';
import { GenerationEntity } from './generation.entity.js';
import type { Dialect, MediaType } from './generation.types.js';
import type { RequestWebhook } from './generation-events.port.js';
import type { Idempotency } from './idempotency.policy.js';
import { planPartialImages } from './partial-images.policy.js';

/** A request for media in the engine's terms, as every door makes one. */
export interface GenerationCommand {
  readonly principal: Principal;
  readonly requestId: string;
  readonly operation: Operation;
  /** As the caller wrote it: an id, an alias or a bare name. */
  readonly model: string;
  readonly prompt: string;
  /** Absent: one, because the caller did not ask. */
  readonly n?: number;
  /** YAML parameter name → value; sizes as `WxH` or `auto`. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Parameters whose field the caller knows by another name; receipts and errors use it. */
  readonly fieldNames?: Readonly<Record<string, string>>;
  readonly references: readonly CommandReference[];
  readonly extra?: JsonObject;
  /** Top-level keys that no dialect knows. */
  readonly unknown: Readonly<Record<string, unknown>>;
  /** Fields of this request that the gateway itself sees to, such as `response_format`. */
  readonly gateway: readonly string[];
  readonly strict: boolean;
  /** The request came as a form, where numbers and flags are text. */
  readonly textValues?: boolean;
  readonly user?: string;
  readonly metadata?: JsonObject;
  readonly partialImages: number;
  /** Whether the caller listens to a stream, which alone can show partial images. */
  readonly stream?: boolean;
  readonly dialect: Dialect;
  /** How the answer is to be delivered, such as `response_format`; part of what makes two requests the same. */
  readonly delivery?: string;
  readonly idempotency?: Idempotency;
  /** Of a quote whose price is to hold. */
  readonly quoteId?: string;
  readonly webhook?: RequestWebhook;
  /** What the request says about the cache. */
  readonly cache?: CacheDirectives;
}

/** A price does not need the references themselves. */
export type QuotableCommand = Omit<GenerationCommand, 'references'> & {
  readonly references: readonly Pick<CommandReference, 'role' | 'param'>[];
};

export interface CommandReference {
  readonly role?: string;
  /** `ingested`: a door stored it already, because it came as a stream. */
  readonly source: ReferenceSource | { readonly kind: 'ingested'; readonly reference: IngestedReference };
  /** The field's path, for errors. */
  readonly param: string;
}

export interface Planned {
  readonly model: Model;
  readonly plan: Plan;
  readonly quote: Quote;
  readonly partialImages: number;
}

/** Turns a command into a validated, priced row that can be committed. Calls no vendor. */
@Injectable()
export class AdmissionService {
  constructor(
    private readonly catalog: CatalogService,
    private readonly registry: ProviderRegistry,
    private readonly costs: CostsService,
    private readonly references: ReferenceIngestion,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The same judgement serves a request and a quote. @throws ApiError for everything that is wrong with the request */
  plan(command: QuotableCommand): Planned {
    const model = this.resolveModel(command);
    const checked = planRequest(
      model,
      {
        operation: command.operation,
        prompt: command.prompt,
        n: command.n,
        params: command.params,
        fieldNames: command.fieldNames,
        references: command.references.map(({ role, param }) => ({ role, param })),
        extra: command.extra,
        unknown: command.unknown,
        gateway: command.gateway,
        textValues: command.textValues,
      },
      { strict: command.strict },
    );
    const { strict, stream = false, partialImages: wanted } = command;
    const { plan, partialImages } = planPartialImages(model, checked, { wanted, stream, strict });
    return { model, plan, quote: this.costs.quote(plan), partialImages };
  }

  /** The model that a caller means, may use and can reach. @throws ApiError */
  resolveModel(command: Pick<GenerationCommand, 'model' | 'principal'>): Model {
    const { model } = this.catalog.resolve(command.model, { providers: this.configured() });
    if (!mayUseModel(command.principal, model.id)) {
      throw new ApiError('model_not_allowed', `This API key may not use the model ${model.id}.`, { param: 'model', model: model.id });
    }
    if (this.registry.get(model.provider) === undefined) {
      const missing = this.registry
        .provider(model.provider)
        ?.missing.map((name) => `providers.${model.provider}.${name}`)
        .join(', ');
      throw new ApiError(
        'provider_not_configured',
        `The provider ${model.provider} of the model ${model.id} is not configured${missing === undefined || missing === '' ? '' : `: ${missing} is missing`}.`,
        { param: 'model', model: model.id, provider: model.provider },
      );
    }
    return model;
  }

  private configured(): ReadonlySet<string> {
    return new Set(this.registry.list().flatMap(({ providerId, configured }) => (configured ? [providerId] : [])));
  }

  /** Fetches and stores the references, each checked before the vendor could see it. @throws ApiError */
  async row(
    command: GenerationCommand,
    { model, plan, quote, partialImages }: Planned,
  ): Promise<{ generation: GenerationEntity; inputs: AssetEntity[] }> {
    const nowMs = this.clock.nowMs();
    const mediaType: MediaType = command.operation === 'video.generate' ? 'video' : 'image';
    const kept = plan.references;
    const ingested = await Promise.all(kept.map(({ index }) => this.ingest(command.references[index], mediaType)));
    const { principal } = command;
    const { engine } = this.config;
    const deadlineSeconds =
      model.limits?.deadline_seconds ?? (mediaType === 'video' ? engine.video_deadline_seconds : engine.image_deadline_seconds);
    const generation = Object.assign(new GenerationEntity(), {
      id: newId(mediaType === 'video' ? 'litegen-vid' : 'litegen-img'),
      orgId: principal.orgId,
      appId: principal.appId,
      keyId: principal.keyId ?? null,
      endUser: command.user ?? null,
      operation: plan.operation,
      mediaType,
      model: model.id,
      requestedModel: command.model,
      provider: model.provider,
      status: 'queued' as const,
      progress: 0,
      request: {
        prompt: plan.prompt,
        n: plan.n,
        params: plan.params,
        extra: plan.extra,
        inputRoles: kept.map(({ role }) => role),
        partialImages,
        strict: command.strict,
        dialect: command.dialect,
        ...(command.fieldNames === undefined ? {} : { fieldNames: command.fieldNames }),
      },
      receipt: plan.receipt,
      quote,
      metadata: command.metadata ?? null,
      holdMicros: quote.ceilingMicros,
      holdState: 'held' as const,
      costMicros: null,
      costSource: null,
      usage: null,
      errorCode: null,
      errorMessage: null,
      errorDetails: null,
      attemptCount: 0,
      attemptId: null,
      leaseOwner: null,
      leaseToken: 0,
      nextRunAt: nowMs,
      dueAt: null,
      pollCount: 0,
      deadlineAt: nowMs + deadlineSeconds * 1000,
      cancelRequestedAt: null,
      cacheKey: null,
      cachedFrom: null,
      webhookUrl: command.webhook?.url ?? null,
      webhookEvents: command.webhook === undefined ? null : [...command.webhook.events],
      requestId: command.requestId,
      traceParent: currentTraceParent(),
      createdAt: nowMs,
      startedAt: null,
      completedAt: null,
      updatedAt: nowMs,
      deletedAt: null,
    });
    return {
      generation,
      inputs: ingested.map((reference, position) => inputAsset(generation, reference, kept[position]?.role ?? null, position)),
    };
  }

  private async ingest(reference: CommandReference | undefined, mediaType: MediaType): Promise<IngestedReference> {
    if (reference === undefined) throw new Error('The plan names a reference that the command does not have');
    const { source, param } = reference;
    return source.kind === 'ingested' ? source.reference : this.references.ingest(source, { param, allowVideo: mediaType === 'video' });
  }
}

function inputAsset(
  generation: GenerationEntity,
  { blob, sourceUrl }: IngestedReference,
  role: string | null,
  position: number,
): AssetEntity {
  return {
    id: newId('asset'),
    orgId: generation.orgId,
    appId: generation.appId,
    generationId: generation.id,
    direction: 'input',
    position,
    role,
    sha256: blob.sha256,
    contentType: blob.contentType,
    bytes: blob.bytes,
    width: blob.width ?? null,
    height: blob.height ?? null,
    durationMs: null,
    revisedPrompt: null,
    sourceUrl: sourceUrl ?? null,
    createdAt: generation.createdAt,
  };
}
