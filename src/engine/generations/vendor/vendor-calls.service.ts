import {
  type CallContext,
  type CallEvent,
  type CallWarning,
  type CancelResult,
  type Finished,
  type ImageRequest,
  type InputMedia,
  type MediaSource,
  type OperationStatus,
  type PluginInstance,
  ProviderError,
  type RawDelivery,
  type StartResult,
  type VendorFailure,
  type VideoParams,
  type VideoRequest,
  type WebhookResult,
} from '@litegen/plugin-sdk';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { CatalogService, MODALITIES, type Modality, type Model, type PollSchedule } from '../../../domain/catalog/index.js';
import {
  createInputMedia,
  type HostCall,
  type LoadedProvider,
  MediaDownloader,
  type PluginTask,
  ProviderRegistry,
} from '../../../domain/providers/index.js';
import { type AssetEntity, AssetsRepository, BlobStore, LinkSigner, type StoredBlob } from '../../../domain/storage/index.js';
import { newId } from '../../../platform/common/index.js';
import { CONFIG, type Config, ownUrl } from '../../../platform/config/index.js';
import { Database } from '../../../platform/database/index.js';
import { longestSilenceMs } from '../leases/lease-keeper.service.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import type { StoredResult } from '../model/generation.types.js';
import type { Held } from '../model/held.js';
import { GenerationSignals } from '../read/waiters.service.js';
import { VendorWords } from './vendor-answers.js';

/** Of one call, as they are kept in the receipt. */
const MAX_WARNINGS = 100;
/** As JSON, characters: what a plugin needs to ask for a job again. */
const MAX_OPERATION_LENGTH = 1_048_576;

/** A call that is ready to be made, and what the plugin remarked during it. */
export interface PreparedCall {
  readonly provider: LoadedProvider;
  readonly call: HostCall;
  readonly warnings: CallWarning[];
  readonly model: Model;
}

/** The engine's side of the plugin contract: builds requests and contexts from stored rows, and reaches the plugin. */
@Injectable()
export class VendorCalls {
  private readonly logger = new Logger(VendorCalls.name);

  constructor(
    private readonly catalog: CatalogService,
    private readonly registry: ProviderRegistry,
    private readonly database: Database,
    private readonly assets: AssetsRepository,
    private readonly blobs: BlobStore,
    private readonly downloader: MediaDownloader,
    private readonly links: LinkSigner,
    private readonly signals: GenerationSignals,
    private readonly words: VendorWords,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async prepare({ generation, attempt }: Pick<Held, 'generation' | 'attempt'>, signal: AbortSignal): Promise<PreparedCall> {
    const model = this.catalog.get(generation.model);
    const provider = this.registry.get(generation.provider);
    if (provider === undefined) {
      throw new ProviderError('authentication_failed', `The provider ${generation.provider} is not configured any more.`);
    }
    const warnings: CallWarning[] = [];
    const call = this.registry.createCall(generation.provider, {
      signal,
      idempotencyKey: attempt.id,
      webhookUrl: this.callbackUrl(attempt.callbackToken),
      headersTimeoutMs: longestSilenceMs(model.limits, generation),
      logFields: { generation_id: generation.id, request_id: generation.requestId },
      onWarning: (warning) => {
        if (warnings.length < MAX_WARNINGS) warnings.push(this.words.warning(warning));
      },
      onEvent: (event) => this.relay(generation, event, call, signal),
    });
    return { provider, call, warnings, model };
  }

  async start(generation: GenerationEntity, prepared: PreparedCall): Promise<StartResult> {
    const { model } = prepared;
    const inputs = await this.inputs(generation);
    const base = {
      model: { id: model.id, name: model.id.slice(model.id.indexOf('/') + 1), upstream: model.upstream ?? {} },
      prompt: generation.request.prompt,
      n: generation.request.n,
      inputs,
      extra: generation.request.extra,
      ...(generation.endUser === null ? {} : { user: generation.endUser }),
    };
    return this.started(generation, prepared, () => startSide(generation.mediaType, prepared, base, generation));
  }

  private async started({ id }: GenerationEntity, prepared: PreparedCall, run: () => Promise<StartResult>): Promise<StartResult> {
    const result = await this.run(prepared, { what: `start of ${id}`, call: prepared.call, run, describe: describeStart });
    if (result.state !== 'started') return this.words.started(result);
    if (JSON.stringify(result.operation).length > MAX_OPERATION_LENGTH) {
      throw new ProviderError('invalid_response', `The plugin keeps more than ${MAX_OPERATION_LENGTH} characters for a job.`, {
        charged: 'unknown',
      });
    }
    return this.words.started({ ...result, pollAfterMs: pauseOf(result.pollAfterMs) });
  }

  private run<T>({ provider }: PreparedCall, task: PluginTask<T>): Promise<T> {
    return this.words.of(() => this.registry.run(provider, task));
  }

  async status({ generation, attempt }: Held, prepared: PreparedCall): Promise<OperationStatus> {
    const side = sideOf(generation.mediaType, prepared);
    const status = side.status?.bind(side);
    if (status === undefined) {
      throw new ProviderError('internal', `The plugin of ${generation.provider} started an operation but cannot ask for its status.`);
    }
    const answer = await this.run(prepared, {
      what: `status of ${generation.id}`,
      call: prepared.call,
      run: () => status(attempt.operation, prepared.call),
      describe: ({ state }) => state,
    });
    return this.words.status(answer.state === 'pending' ? { ...answer, pollAfterMs: pauseOf(answer.pollAfterMs) } : answer);
  }

  async cancel({ generation, attempt }: Held, prepared: PreparedCall): Promise<CancelResult> {
    const side = sideOf(generation.mediaType, prepared);
    return this.run(prepared, {
      what: `cancellation of ${generation.id}`,
      call: prepared.call,
      run: async () => (await side.cancel?.(attempt.operation, prepared.call)) ?? 'unsupported',
      describe: (answer) => answer,
    });
  }

  async readCallback({ generation, attempt }: Held, delivery: RawDelivery, prepared: PreparedCall): Promise<WebhookResult | null> {
    const side = sideOf(generation.mediaType, prepared);
    const result = await this.run(prepared, {
      what: `callback on ${generation.id}`,
      call: prepared.call,
      run: async () => side.parseWebhook?.(delivery, attempt.operation, prepared.call),
    });
    return result === undefined || result === null ? null : { ...result, status: this.words.status(result.status) };
  }

  /** Brings an output into the store, wherever its bytes are, if they are what was asked for. @throws OutputFailure */
  fetchOutput(
    { provider, mediaType }: Pick<GenerationEntity, 'provider' | 'mediaType'>,
    media: MediaSource,
    call: CallContext,
    signal: AbortSignal,
  ): Promise<StoredBlob> {
    return this.words.of(() => this.downloader.fetch(provider, media, mediaType, call, signal));
  }

  cleanWarning(warning: CallWarning): CallWarning {
    return this.words.warning(warning);
  }

  cleanFailure(failure: VendorFailure): VendorFailure {
    const status = this.words.status({ state: 'failed', error: failure });
    return status.state === 'failed' ? status.error : failure;
  }

  /** The answer of a synchronous vendor whose files were not all fetched yet. */
  storedFinish(result: StoredResult): Finished {
    return {
      ...result,
      outputs: result.outputs.map(({ url, stored, ...output }) => ({
        ...output,
        media: stored === undefined ? { kind: 'url' as const, url: url ?? '' } : { kind: 'litegen.stored-media' as const, ...stored },
      })),
    };
  }

  pollSchedule(generation: Pick<GenerationEntity, 'model' | 'mediaType'>): PollSchedule {
    const polling = this.catalog.find(generation.model)?.polling;
    const { polling: usual } = MODALITIES[generation.mediaType];
    if (usual === null) throw new Error(`A generation of kind ${generation.mediaType} is never asked about`);
    return {
      initialMs: milliseconds(polling?.initial_seconds) ?? usual.initialMs,
      intervalMs: milliseconds(polling?.interval_seconds) ?? usual.intervalMs,
      maxIntervalMs: milliseconds(polling?.max_interval_seconds) ?? usual.maxIntervalMs,
    };
  }

  vendorIsIdempotent(modelId: string): boolean {
    return this.catalog.find(modelId)?.idempotency === true;
  }

  /** A random token when the vendor can call back and we can be reached. */
  callbackTokenFor(modelId: string): string | null {
    const wanted = this.catalog.find(modelId)?.webhooks === true && this.config.server.public_url !== undefined;
    return wanted ? newId('req').slice('req-'.length) + newId('req').slice('req-'.length) : null;
  }

  private callbackUrl(token: string | null): string | undefined {
    const { server } = this.config;
    return token === null || server.public_url === undefined ? undefined : ownUrl(server, `/v1/callbacks/${token}`);
  }

  private async inputs(generation: GenerationEntity): Promise<InputMedia[]> {
    if (generation.request.inputRoles.length === 0) return [];
    // Nothing was sent so far, and a database that is away is no failure of the vendor.
    const assets = await this.database.insist(() => this.assets.byGeneration([generation.id]));
    return assets
      .filter(({ direction }) => direction === 'input')
      .sort((left, right) => left.position - right.position)
      .map((asset) => this.input(asset));
  }

  private input(asset: AssetEntity): InputMedia {
    const publicUrl = this.config.server.public_url;
    return createInputMedia(this.blobs, {
      role: asset.role ?? '',
      blob: {
        sha256: asset.sha256,
        bytes: asset.bytes,
        contentType: asset.contentType,
        ...(asset.width === null ? {} : { width: asset.width }),
        ...(asset.height === null ? {} : { height: asset.height }),
      },
      sourceUrl: asset.sourceUrl ?? undefined,
      publicUrl: publicUrl === undefined ? undefined : () => this.links.urlFor(asset, publicUrl),
    });
  }

  private async relay(generation: GenerationEntity, event: CallEvent, call: CallContext, signal: AbortSignal): Promise<void> {
    if (event.type === 'progress') {
      this.signals.send(generation.id, { type: 'progress', progress: event.progress });
      return;
    }
    // A preview is not worth waiting for the store.
    if (this.blobs.health.reason !== undefined) return;
    try {
      const blob = await this.fetchOutput(generation, event.media, call, signal);
      this.signals.send(generation.id, { type: 'partial_image', index: event.index, blob });
    } catch (error) {
      // A preview never costs the picture itself.
      this.logger.warn(`A partial image of ${generation.id} from ${generation.provider} is left out: ${String(error)}`);
    }
  }
}

type Side<Name extends Modality> = NonNullable<PluginInstance[Name]>;
type SharedFields = Omit<VideoRequest, 'operation' | 'params'>;

/** Hands a stored request to the side of a plugin that fulfils it, in that side's words. */
const START: {
  readonly [Name in Modality]: (
    side: Side<Name>,
    base: SharedFields,
    generation: GenerationEntity,
    call: CallContext,
  ) => Promise<StartResult>;
} = {
  image: (side, base, { operation, request: { params, partialImages } }, call) =>
    side.start({ ...base, operation: operation as ImageRequest['operation'], params, partialImages }, call),
  // The planner answers `auto` for a video's size never, which the shared type cannot say.
  video: (side, base, { request: { params } }, call) =>
    side.start({ ...base, operation: 'video.generate', params: params as VideoParams }, call),
};

function startSide<Name extends Modality>(
  modality: Name,
  prepared: PreparedCall,
  base: SharedFields,
  generation: GenerationEntity,
): Promise<StartResult> {
  return START[modality](sideOf(modality, prepared), base, generation, prepared.call);
}

function sideOf<Name extends Modality>(modality: Name, { provider }: PreparedCall): Side<Name> {
  const side: PluginInstance[Name] = provider.instance[modality];
  if (side === undefined) throw new ProviderError('unsupported', `The provider ${provider.providerId} makes no ${modality}s.`);
  return side;
}

/** What an operator needs to settle a call that was given up: its words name the vendor's job. */
function describeStart(result: StartResult): string {
  const { vendorRequestId } = result;
  const request = vendorRequestId === undefined ? '' : `, request ${vendorRequestId}`;
  if (result.state === 'started') return `job ${result.vendorJobId ?? JSON.stringify(result.operation).slice(0, 500)}${request}`;
  return `${result.outputs.length} outputs${request}`;
}

const LONGEST_PAUSE_MS = 3_600_000;

/** A plugin's wish, if it is one. */
function pauseOf(wishMs: number | undefined): number | undefined {
  return wishMs !== undefined && wishMs >= 0 ? Math.min(wishMs, LONGEST_PAUSE_MS) : undefined;
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
