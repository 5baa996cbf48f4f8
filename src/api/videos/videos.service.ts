import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf, type Reach, reachOf } from '../../domain/access/index.js';
import { CatalogService, type Model } from '../../domain/catalog/index.js';
import { BlobStore, LinkSigner } from '../../domain/storage/index.js';
import {
  type Candidates,
  type CreateOptions,
  type Dialect,
  failureOf,
  type GenerationCommand,
  type GenerationRecord,
  GenerationsQueries,
  GenerationsService,
  generationHeaders,
  isTerminal,
  linkerFor,
} from '../../engine/generations/index.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, type Config, ownPath } from '../../platform/config/index.js';
import { sendBlob } from '../files/index.js';
import {
  Answers,
  connectionOf,
  createdHeaders,
  isDryRun,
  type Preferences,
  parsePrefer,
  planHeaders,
  releasing,
  toCostEstimate,
} from '../shared/index.js';
import type { ListVideosQuery } from './dto/video-request.dto.js';
import type { VideoDeleteResponse, VideoGenerationResponse, VideoListResponse } from './dto/video-response.dto.js';
import { REMIX_ROLE, type RemixSource } from './video-command.service.js';
import { toVideo } from './video-response.js';

/** So long the creation waits for the vendor's word, so that a refusal is an HTTP error and not an object that has failed. */
const ACCEPTANCE_MS = 10_000;
const DEFAULT_POLL_MS = 2_000;

/** Runs requests of the videos API and tells how they stand. */
@Injectable()
export class VideosService {
  constructor(
    private readonly generations: GenerationsService,
    private readonly queries: GenerationsQueries,
    private readonly catalog: CatalogService,
    private readonly answers: Answers,
    private readonly blobs: BlobStore,
    private readonly links: LinkSigner,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws ApiError */
  async run(command: GenerationCommand, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (isDryRun(request)) return this.estimate(command, reply);
    const preferences = parsePrefer(request.headers.prefer);
    const creating = this.generations.create(command, { ...waitOf(preferences), connection: connectionOf(reply) });
    const created = await releasing(command, creating);
    const { generation } = created;
    reply.headers(createdHeaders(created, this.clock.now(), preferences));
    if (generation.status === 'failed') throw failureOf(generation);
    const pending = !isTerminal(generation.status);
    if (pending) {
      reply
        .header('location', ownPath(this.config.server, `/v1/videos/${generation.id}`))
        .header('openai-poll-after-ms', this.pollAfterMs(generation.model));
    }
    const preferred = preferences.respondAsync || preferences.waitSeconds !== undefined;
    await this.answers.json(reply, pending && preferred ? 202 : 200, this.video(created, request));
  }

  /** What the request would cost; nothing is generated. @throws ApiError */
  async estimate(command: GenerationCommand, reply: FastifyReply): Promise<void> {
    const [candidate] = await releasing(command, this.quoted(command));
    reply.headers(planHeaders(candidate, this.clock.now()));
    await this.answers.json(reply, 200, toCostEstimate(candidate));
  }

  private async quoted(command: GenerationCommand): Promise<Candidates> {
    return this.generations.quote(command);
  }

  /** @throws ApiError `not_found` */
  async get(id: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const record = await this.find(reachOf(principalOf(request)), id);
    const remainingMicros = await this.generations.remainingFor(record.generation);
    reply.headers(generationHeaders(record, remainingMicros));
    if (!isTerminal(record.generation.status)) reply.header('openai-poll-after-ms', this.pollAfterMs(record.generation.model));
    await this.answers.json(reply, 200, this.video({ ...record, remainingMicros }, request));
  }

  /** @throws ApiError `not_found` for an `after` that never was; one that was deleted still has its place */
  async list({ after, limit, order }: ListVideosQuery, request: FastifyRequest): Promise<VideoListResponse> {
    const reach = reachOf(principalOf(request));
    const place = after === undefined ? undefined : await this.queries.placeOf(reach, after, 'video');
    if (place === null) throw notFound(after ?? '', 'after');
    const found = await this.queries.from(reach, { mediaType: 'video' }, { perPage: limit, order, ...(place && { after: place }) });
    const views = await this.queries.withFiles(found.rows);
    // This route is OpenAI's alone, and so are its words.
    const data = views.map((view) => this.video(view, request, 'openai'));
    return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: found.next !== null };
  }

  /** @throws ApiError `not_ready` while it runs, its failure when it failed, `param_unsupported` or `param_enum_mismatch` for another variant */
  async content(id: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { generation, outputs } = await this.find(reachOf(principalOf(request)), id);
    checkVariant((request.query as Readonly<Record<string, unknown>>)['variant'], generation.model);
    if (generation.status === 'failed') throw failureOf(generation);
    if (generation.status === 'cancelled') {
      throw new ApiError('generation_cancelled', 'The video was cancelled and has no content.', { generationId: id });
    }
    const [first] = outputs;
    if (first === undefined) throw this.notReady(generation);
    reply.headers(generationHeaders({ generation }));
    await sendBlob(this.blobs, request, reply, first);
  }

  /** @throws ApiError `not_found`, `operation_unsupported`, `not_ready` while it runs, `conflict` when it has no file */
  async remixable(id: string, request: FastifyRequest): Promise<RemixSource> {
    const principal = principalOf(request);
    const { generation, outputs } = await this.find(reachOf(principal), id);
    const takesVideo = ({ ref_inputs: inputs }: Model): boolean => inputs?.roles[REMIX_ROLE] !== undefined;
    this.generations.modelThat(takesVideo, 'remixes no videos', { model: generation.model, principal });
    if (!isTerminal(generation.status)) throw this.notReady(generation);
    const [file] = outputs;
    if (generation.status === 'completed' && file !== undefined) return { generation, file };
    throw new ApiError('conflict', 'The video has no file that could be remixed.', { param: 'video_id', generationId: id });
  }

  /** @throws ApiError `not_found`, `conflict` */
  async remove(id: string, request: FastifyRequest): Promise<VideoDeleteResponse> {
    const reach = reachOf(principalOf(request));
    await this.find(reach, id);
    await this.generations.remove(reach, id);
    return { id, object: 'video.deleted', deleted: true };
  }

  private video(record: Parameters<typeof toVideo>[0], request: FastifyRequest, dialect?: Dialect): VideoGenerationResponse {
    return toVideo(record, this.catalog.find(record.generation.model), linkerFor(this.links, request), dialect);
  }

  /** An image's id is not a video's. */
  private async find(reach: Reach, id: string): Promise<GenerationRecord> {
    const record = await this.generations.find(reach, id);
    if (record === null || record.generation.mediaType !== 'video') throw notFound(id, 'id');
    return record;
  }

  private notReady({ id, model, progress }: GenerationRecord['generation']): ApiError {
    const pollMs = this.pollAfterMs(model);
    return new ApiError('not_ready', `The video is not finished yet (${progress} %).`, {
      generationId: id,
      retryAfterSeconds: pollMs / 1000,
      headers: { 'openai-poll-after-ms': String(pollMs) },
    });
  }

  private pollAfterMs(modelId: string): number {
    const seconds = this.catalog.find(modelId)?.polling?.interval_seconds;
    return seconds === undefined ? DEFAULT_POLL_MS : Math.round(seconds * 1000);
  }
}

/** OpenAI's previews of a video. Vendors deliver none, and the gateway decodes no videos. */
const PREVIEWS: readonly unknown[] = ['thumbnail', 'spritesheet'];

function checkVariant(variant: unknown, model: string): void {
  if (variant === undefined || variant === 'video') return;
  const details = { param: 'variant', accepted: ['video'] };
  if (PREVIEWS.includes(variant)) {
    throw new ApiError(
      'param_unsupported',
      `${model} makes no ${String(variant)}, as no model here does: there is only the video.`,
      details,
    );
  }
  throw new ApiError('param_enum_mismatch', 'The only variant is video.', details);
}

function notFound(id: string, param: string): ApiError {
  return new ApiError('not_found', `There is no video ${id.slice(0, 100)}.`, { param });
}

function waitOf({ respondAsync, waitSeconds }: Preferences): CreateOptions {
  if (waitSeconds !== undefined) return { wait: { until: 'ended', timeoutMs: waitSeconds * 1000 } };
  return respondAsync ? {} : { wait: { until: 'accepted', timeoutMs: ACCEPTANCE_MS } };
}
