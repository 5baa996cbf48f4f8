import { Inject, Injectable } from '@nestjs/common';
import { mayUseModel } from '../../../domain/access/index.js';
import {
  CatalogService,
  checkPrompt,
  isSunset,
  MODALITIES,
  type Modality,
  type Model,
  type Plan,
  planRequest,
  type ResolvedModel,
  switchedOff,
} from '../../../domain/catalog/index.js';
import { ProviderRegistry } from '../../../domain/providers/index.js';
import { type AssetEntity, type IngestedReference, ReferenceIngestion } from '../../../domain/storage/index.js';
import { ApiError, Clock, newId } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { currentTraceParent } from '../../../platform/tracing/index.js';
import { CostsService, type Quote } from '../../../policy/costs/index.js';
import type { Candidate, Candidates } from '../model/candidate.js';
import { GenerationEntity } from '../model/generation.entity.js';
import type { CommandReference, GenerationCommand, QuotableCommand } from '../model/generation-command.js';

/** Turns a command into a validated, priced row that can be committed. Calls no vendor. */
@Injectable()
export class AdmissionService {
  private readonly shapes: PricedShapes;

  constructor(
    private readonly catalog: CatalogService,
    private readonly registry: ProviderRegistry,
    costs: CostsService,
    private readonly references: ReferenceIngestion,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.shapes = new PricedShapes((plan) => costs.quote(plan));
  }

  /** The same judgement serves a request and a quote. @returns the best candidate first @throws ApiError for everything that is wrong with the request */
  plan(command: QuotableCommand): Candidates {
    const resolved = this.resolve(command);
    const { model, retired } = resolved;
    try {
      const { plan, quote, partialImages } = this.shapes.of(model, command, isStrict(command));
      if (retired === undefined) return [{ model, plan, quote, partialImages }];
      return [{ model, retired, plan: withStandIn(plan, resolved), quote, partialImages }];
    } catch (error) {
      // The caller does not know the model of whose parameters the message speaks.
      if (retired === undefined || !(error instanceof ApiError)) throw error;
      throw new ApiError(error.code, `${error.message} (${model.id} stands in, because ${switchedOff(retired)}.)`, error.details);
    }
  }

  /**
   * The same, of a model that can do something that not every one can.
   * @param what completes "the model …", such as "makes no variations"
   * @throws ApiError also `operation_unsupported`, with those that can
   */
  resolveModelThat(can: (model: Model) => boolean, what: string, command: Pick<GenerationCommand, 'model' | 'principal'>): Model {
    const model = this.resolveModel(command);
    if (can(model)) return model;
    const now = this.clock.now();
    const others = this.catalog
      .models()
      .filter((other) => can(other) && this.registry.isUsable(other.provider) && !isSunset(other, now))
      .map(({ id }) => id)
      .filter((id) => mayUseModel(command.principal, id));
    const hint = others.length === 0 ? 'no model that you can call does' : `use ${others.join(' or ')}`;
    throw new ApiError('operation_unsupported', `${model.id} ${what}: ${hint}.`, { param: 'model', model: model.id, accepted: others });
  }

  /** The model that a caller means, may use and can reach. @throws ApiError */
  resolveModel(command: Pick<GenerationCommand, 'model' | 'principal'>): Model {
    return this.resolve(command).model;
  }

  private resolve(command: Pick<GenerationCommand, 'model' | 'principal'>): ResolvedModel {
    const mayUse = (id: string): boolean => mayUseModel(command.principal, id);
    const resolved = this.catalog.resolve(command.model, { providers: this.registry.callable(), mayUse });
    const { model, retired } = resolved;
    if (!mayUse(model.id)) {
      // In the caller's own words: what an alias leads to is not told.
      throw new ApiError('model_not_allowed', `This API key may not use the model ${command.model}.`, {
        param: 'model',
        model: command.model,
      });
    }
    if (this.registry.get(model.provider) === undefined) {
      const toSet = this.registry.provider(model.provider)?.toSet.join(' and ') ?? '';
      throw new ApiError(
        'provider_not_configured',
        `The provider ${model.provider} of the model ${model.id}${standsIn(retired)} is not configured${toSet === '' ? '' : `: set ${toSet}`}.`,
        { param: 'model', model: model.id, provider: model.provider },
      );
    }
    const reason = this.registry.takenOut(model.provider);
    if (reason !== undefined) {
      throw new ApiError(
        'provider_unavailable',
        `The plugin of the provider ${model.provider} is disabled until the gateway restarts: ${reason}.`,
        { param: 'model', model: model.id, provider: model.provider },
      );
    }
    return resolved;
  }

  /** Fetches and stores the references, each checked before the vendor could see it. @throws ApiError */
  async row(
    command: GenerationCommand,
    { model, plan, quote, partialImages }: Candidate,
  ): Promise<{ generation: GenerationEntity; inputs: AssetEntity[] }> {
    const nowMs = this.clock.nowMs();
    const { media_type: mediaType } = model;
    const { idPrefix, deadlineSetting } = MODALITIES[mediaType];
    const kept = plan.references;
    const ingested = await Promise.all(kept.map(({ index }) => this.ingest(command.references[index], mediaType)));
    const { principal } = command;
    const { engine } = this.config;
    const deadlineSeconds = model.limits?.deadline_seconds ?? engine[deadlineSetting];
    const generation = Object.assign(new GenerationEntity(), {
      id: newId(idPrefix),
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
        strict: isStrict(command),
        dialect: command.dialect,
        ...(command.fieldNames === undefined ? {} : { fieldNames: command.fieldNames }),
        ...(command.remixOf === undefined ? {} : { remixOf: command.remixOf }),
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

  private async ingest(reference: CommandReference | undefined, mediaType: Modality): Promise<IngestedReference> {
    if (reference === undefined) throw new Error('The plan names a reference that the command does not have');
    const { source, param } = reference;
    if (source.kind === 'ingested') return source.reference;
    if (source.kind !== 'held') return this.references.ingest(source, { param, allowVideo: MODALITIES[mediaType].takesVideo });
    await source.reference.keep();
    return { blob: source.reference.blob };
  }
}

type Priced = Pick<Candidate, 'plan' | 'quote' | 'partialImages'>;

/** In all, a few kilobytes each. */
const MOST_SHAPES = 512;
const LONGEST_SHAPED_TEXT = 32;
/** Parameters that are another's in every request. */
const UNSHAPED = new Set(['seed', 'negative_prompt']);

/**
 * Plans and prices requests. Of requests that differ in no more than their words and in whose they are, those are computed once: the shape of
 * a request is all that they depend on beside the model, and what does not fit into a short name (references, vendor options, unknown
 * fields, long texts) is computed every time. A model that was loaded anew is another one.
 */
export class PricedShapes {
  private readonly known = new Map<string, Priced>();

  constructor(private readonly price: (plan: Plan) => Quote) {}

  /** @throws ApiError */
  of(model: Model, command: QuotableCommand, strict: boolean): Priced {
    const shape = shapeOf(model, command, strict);
    const known = shape === undefined ? undefined : this.known.get(shape);
    if (known?.plan.model === model) {
      checkPrompt(model, command.prompt);
      const { plan, quote, partialImages } = known;
      // What goes to a plugin is this request's own.
      return { plan: { ...plan, prompt: command.prompt, params: structuredParams(plan), extra: {} }, quote, partialImages };
    }
    const { stream = false, partialImages: wanted } = command;
    const planned = planPartialImages(model, planRequest(model, command, { strict }), { wanted, stream, strict });
    const priced = { ...planned, quote: this.price(planned.plan) };
    if (shape !== undefined) this.remember(shape, priced);
    return priced;
  }

  private remember(shape: string, { plan, quote, partialImages }: Priced): void {
    const [oldest] = this.known.keys();
    if (this.known.size >= MOST_SHAPES && oldest !== undefined) this.known.delete(oldest);
    const { model, ...own } = plan;
    const { receipt, params, droppedParams, ...rest } = structuredClone({ ...own, prompt: '' });
    const kept = { ...rest, model, receipt: frozen(receipt), params: frozen(params), droppedParams: frozen(droppedParams) };
    this.known.set(shape, { plan: kept, quote: frozen(structuredClone(quote)), partialImages });
  }
}

/** All that decides a plan and its price beside what the prompt says; undefined for what is not worth remembering. */
function shapeOf(model: Model, command: QuotableCommand, strict: boolean): string | undefined {
  const { operation, prompt, n, params, fieldNames, references, extra, gateway, textValues, stream, partialImages } = command;
  if (typeof prompt !== 'string' || references.length > 0 || extra !== undefined || textValues !== undefined) return undefined;
  if (Object.keys(command.unknown).length > 0) return undefined;
  if (Object.keys(params).some((name) => UNSHAPED.has(name) || !isShort(params[name]))) return undefined;
  return JSON.stringify([model.id, operation, strict, prompt === '', n, params, fieldNames, gateway, stream, partialImages]);
}

function isShort(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= LONGEST_SHAPED_TEXT;
  return value === null || value === undefined || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function structuredParams({ params }: Plan): Plan['params'] {
  return typeof params.size === 'object' ? { ...params, size: { ...params.size } } : { ...params };
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

function isStrict({ strict, principal }: Pick<GenerationCommand, 'strict' | 'principal'>): boolean {
  return strict ?? principal.strict;
}

function standsIn(retired: Model | undefined): string {
  return retired === undefined ? '' : `, which stands in for ${retired.id},`;
}

/** The receipt says which model was sent in place of the named one. */
function withStandIn(plan: Plan, { model, requested, retired }: ResolvedModel & { readonly retired?: Model }): Plan {
  if (retired === undefined) return plan;
  const stoodIn = { param: 'model', from: requested, to: model.id, reason: switchedOff(retired) };
  return { ...plan, receipt: { ...plan.receipt, mapped: [stoodIn, ...plan.receipt.mapped] } };
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

export interface PartialImagesWish {
  readonly wanted: number;
  /** Whether the caller listens to a stream, which alone can show them. */
  readonly stream: boolean;
  readonly strict: boolean;
}

/**
 * Holds the wish for partial images against what the model streams, and files it in the receipt.
 * @throws ApiError `param_unsupported`, `param_out_of_range` in strict mode; lax mode reduces or drops
 */
export function planPartialImages(
  model: Model,
  plan: Plan,
  { wanted, stream, strict }: PartialImagesWish,
): { plan: Plan; partialImages: number } {
  if (wanted === 0) return { plan, partialImages: 0 };
  const { receipt, droppedParams } = plan;
  const max = model.streaming?.partial_images_max ?? 0;
  const param = 'partial_images';
  if (!stream || max === 0) {
    const reason = stream ? `${model.id} streams no partial images` : 'partial images need "stream": true';
    if (strict) throw new ApiError('param_unsupported', `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`, { param, model: model.id });
    const dropped = [...receipt.dropped, { param, value: wanted, reason }];
    return { plan: { ...plan, receipt: { ...receipt, dropped }, droppedParams: [...droppedParams, param] }, partialImages: 0 };
  }
  if (wanted <= max) return { plan: { ...plan, receipt: { ...receipt, applied: [...receipt.applied, param] } }, partialImages: wanted };
  const reason = `${model.id} streams at most ${max} partial images`;
  if (strict) throw new ApiError('param_out_of_range', `${reason}; ${wanted} are asked for.`, { param, model: model.id, accepted: [max] });
  return {
    plan: { ...plan, receipt: { ...receipt, mapped: [...receipt.mapped, { param, from: wanted, to: max, reason }] } },
    partialImages: max,
  };
}
