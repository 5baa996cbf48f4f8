import {
  type CallContext,
  type CallEvent,
  type CallWarning,
  type CancelResult,
  type Finished,
  type ImageRequest,
  type InputMedia,
  type MediaProvider,
  type MediaSource,
  type OperationStatus,
  ProviderError,
  type RawDelivery,
  type StartResult,
  type VideoParams,
  type VideoRequest,
  type WebhookResult,
} from '@litegen/plugin-sdk';
import { Inject, Injectable } from '@nestjs/common';
import { CatalogService, type Model } from '../catalog/index.js';
import { newId } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { createInputMedia, type LoadedProvider, MediaDownloader, ProviderRegistry } from '../providers/index.js';
import { type AssetEntity, AssetsRepository, BlobStore, LinkSigner, type StoredBlob } from '../storage/index.js';
import type { GenerationEntity } from './generation.entity.js';
import type { StoredResult } from './generation.types.js';
import { GenerationSignals } from './generation-signals.js';
import type { PollSchedule } from './generations.machine.js';
import type { Held } from './settler.service.js';
import { VendorWords } from './vendor-words.js';

const DEFAULT_POLLING: Readonly<Record<'image' | 'video', PollSchedule>> = {
  image: { initialMs: 1_000, intervalMs: 1_500, maxIntervalMs: 10_000 },
  video: { initialMs: 2_000, intervalMs: 4_000, maxIntervalMs: 30_000 },
};

/** A call that is ready to be made, and what the plugin remarked during it. */
export interface PreparedCall {
  readonly provider: LoadedProvider;
  readonly call: CallContext;
  readonly warnings: CallWarning[];
  readonly model: Model;
}

/** The engine's side of the plugin contract: builds requests and contexts from stored rows, and reaches the plugin. */
@Injectable()
export class VendorCalls {
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
      headersTimeoutMs: model.limits?.headers_timeout_seconds === undefined ? undefined : model.limits.headers_timeout_seconds * 1000,
      logFields: { generation_id: generation.id, request_id: generation.requestId },
      onWarning: (warning) => warnings.push(this.words.warning(warning)),
      onEvent: (event) => this.relay(generation, event, provider, call, signal),
    });
    return { provider, call, warnings, model };
  }

  async start(generation: GenerationEntity, prepared: PreparedCall): Promise<StartResult> {
    const { model, call } = prepared;
    const inputs = await this.inputs(generation);
    const base = {
      model: { id: model.id, name: model.id.slice(model.id.indexOf('/') + 1), upstream: model.upstream ?? {} },
      prompt: generation.request.prompt,
      n: generation.request.n,
      inputs,
      extra: generation.request.extra,
      ...(generation.endUser === null ? {} : { user: generation.endUser }),
    };
    if (generation.operation === 'video.generate') {
      // The planner answers `auto` for a video's size never, which the shared type cannot say.
      const request: VideoRequest = { ...base, operation: generation.operation, params: generation.request.params as VideoParams };
      return this.words.of(() => this.video(prepared).start(request, call));
    }
    const request: ImageRequest = {
      ...base,
      operation: generation.operation,
      params: generation.request.params,
      partialImages: generation.request.partialImages,
    };
    return this.words.of(() => this.image(prepared).start(request, call));
  }

  async status({ generation, attempt }: Held, prepared: PreparedCall): Promise<OperationStatus> {
    const side = this.side(generation, prepared);
    const status = side.status?.bind(side);
    if (status === undefined) {
      throw new ProviderError('internal', `The plugin of ${generation.provider} started an operation but cannot ask for its status.`);
    }
    return this.words.status(await this.words.of(() => status(attempt.operation, prepared.call)));
  }

  async cancel({ generation, attempt }: Held, prepared: PreparedCall): Promise<CancelResult> {
    const side = this.side(generation, prepared);
    return this.words.of(async () => (await side.cancel?.(attempt.operation, prepared.call)) ?? 'unsupported');
  }

  async readCallback({ generation, attempt }: Held, delivery: RawDelivery, prepared: PreparedCall): Promise<WebhookResult | null> {
    const side = this.side(generation, prepared);
    const result = await this.words.of(async () => side.parseWebhook?.(delivery, attempt.operation, prepared.call));
    return result === undefined || result === null ? null : { ...result, status: this.words.status(result.status) };
  }

  /** Brings an output into the store, wherever its bytes are. @throws ProviderError */
  fetchOutput(providerId: string, media: MediaSource, call: CallContext, signal: AbortSignal): Promise<StoredBlob> {
    return this.words.of(() => this.downloader.fetch(providerId, media, call, signal));
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
    const usual = DEFAULT_POLLING[generation.mediaType];
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
    const base = this.config.server.public_url;
    return token === null || base === undefined ? undefined : `${base.replace(/\/$/, '')}/v1/callbacks/${token}`;
  }

  private side(generation: GenerationEntity, prepared: PreparedCall): MediaProvider<ImageRequest> | MediaProvider<VideoRequest> {
    return generation.mediaType === 'video' ? this.video(prepared) : this.image(prepared);
  }

  private image({ provider }: PreparedCall): MediaProvider<ImageRequest> {
    if (provider.instance.image === undefined)
      throw new ProviderError('unsupported', `The provider ${provider.providerId} makes no images.`);
    return provider.instance.image;
  }

  private video({ provider }: PreparedCall): MediaProvider<VideoRequest> {
    if (provider.instance.video === undefined)
      throw new ProviderError('unsupported', `The provider ${provider.providerId} makes no videos.`);
    return provider.instance.video;
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

  private async relay(
    generation: GenerationEntity,
    event: CallEvent,
    provider: LoadedProvider,
    call: CallContext,
    signal: AbortSignal,
  ): Promise<void> {
    if (event.type === 'progress') {
      this.signals.send(generation.id, { type: 'progress', progress: event.progress });
      return;
    }
    const blob = await this.fetchOutput(provider.providerId, event.media, call, signal);
    this.signals.send(generation.id, { type: 'partial_image', index: event.index, blob });
  }
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
