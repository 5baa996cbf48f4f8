import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf, type Tenant } from '../auth/index.js';
import { CatalogService } from '../catalog/index.js';
import { ApiError, Clock, type Preferences, parsePrefer } from '../common/index.js';
import { Answers, connectionOf, createdHeaders, isDryRun, planHeaders, toCostEstimate } from '../doors/index.js';
import {
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
} from '../generations/index.js';
import { BlobStore, LinkSigner, sendBlob } from '../storage/index.js';
import type { ListVideosQuery } from './dto/video-request.dto.js';
import type { VideoDeleteResponse, VideoGenerationResponse, VideoListResponse } from './dto/video-response.dto.js';
import { toVideo } from './video-response.js';

/** So long the creation waits for the vendor's word, so that a refusal is an HTTP error and not an object that has failed. */
const ACCEPTANCE_MS = 10_000;
const DEFAULT_POLL_MS = 2_000;

/** Runs requests of the videos door and tells how they stand. */
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
  ) {}

  /** @throws ApiError */
  async run(command: GenerationCommand, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (isDryRun(request)) return this.estimate(command, reply);
    const preferences = parsePrefer(request.headers.prefer);
    const created = await this.generations.create(command, { ...waitOf(preferences), connection: connectionOf(reply) });
    const { generation } = created;
    reply.headers(createdHeaders(created, this.clock.now(), preferences));
    if (generation.status === 'failed') throw failureOf(generation);
    const pending = !isTerminal(generation.status);
    if (pending) {
      reply.header('location', `/v1/videos/${generation.id}`).header('openai-poll-after-ms', this.pollAfterMs(generation.model));
    }
    const preferred = preferences.respondAsync || preferences.waitSeconds !== undefined;
    await this.answers.json(reply, pending && preferred ? 202 : 200, this.video(created, request));
  }

  /** What the request would cost; nothing is generated. @throws ApiError */
  async estimate(command: GenerationCommand, reply: FastifyReply): Promise<void> {
    const planned = this.generations.quote(command);
    reply.headers(planHeaders(planned, this.clock.now()));
    await this.answers.json(reply, 200, toCostEstimate(planned));
  }

  /** @throws ApiError `not_found` */
  async get(id: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const record = await this.find(principalOf(request), id);
    const remainingMicros = await this.generations.remainingFor(record.generation);
    reply.headers(generationHeaders(record, remainingMicros));
    if (!isTerminal(record.generation.status)) reply.header('openai-poll-after-ms', this.pollAfterMs(record.generation.model));
    await this.answers.json(reply, 200, this.video({ ...record, remainingMicros }, request));
  }

  /** @throws ApiError `not_found` for an `after` that is not there */
  async list(query: ListVideosQuery, request: FastifyRequest): Promise<VideoListResponse> {
    const tenant = principalOf(request);
    const { after, limit, order } = query;
    if (after !== undefined) await this.find(tenant, after, 'after');
    const rows = await this.queries.from(tenant, { mediaType: 'video' }, { after, limit: limit + 1, order });
    const views = await this.queries.withDetails(rows.slice(0, limit));
    // This route is OpenAI's alone, and so are its words.
    const data = views.map((view) => this.video(view, request, 'openai'));
    return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: rows.length > limit };
  }

  /** @throws ApiError `not_ready` while it runs, its failure when it failed, `param_enum_mismatch` for another variant */
  async content(id: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { variant } = request.query as Readonly<Record<string, unknown>>;
    if (variant !== undefined && variant !== 'video') {
      throw new ApiError('param_enum_mismatch', 'Of the variants there is only video.', { param: 'variant', accepted: ['video'] });
    }
    const { generation, outputs } = await this.find(principalOf(request), id);
    if (generation.status === 'failed') throw failureOf(generation);
    if (generation.status === 'cancelled') {
      throw new ApiError('generation_cancelled', 'The video was cancelled and has no content.', { generationId: id });
    }
    const [first] = outputs;
    if (first === undefined) {
      const pollMs = this.pollAfterMs(generation.model);
      throw new ApiError('not_ready', `The video is not finished yet (${generation.progress} %).`, {
        generationId: id,
        retryAfterSeconds: pollMs / 1000,
        headers: { 'openai-poll-after-ms': String(pollMs) },
      });
    }
    reply.headers(generationHeaders({ generation }));
    await sendBlob(this.blobs, request, reply, first);
  }

  /** @throws ApiError `not_found`, `conflict` */
  async remove(id: string, request: FastifyRequest): Promise<VideoDeleteResponse> {
    const tenant = principalOf(request);
    await this.find(tenant, id);
    await this.generations.remove(tenant, id);
    return { id, object: 'video.deleted', deleted: true };
  }

  private video(record: Parameters<typeof toVideo>[0], request: FastifyRequest, dialect?: Dialect): VideoGenerationResponse {
    return toVideo(record, this.catalog.find(record.generation.model), linkerFor(this.links, request), dialect);
  }

  /** An image's id is not a video's. */
  private async find(tenant: Tenant, id: string, param = 'id'): Promise<GenerationRecord> {
    const record = await this.generations.find(tenant, id);
    if (record === null || record.generation.mediaType !== 'video')
      throw new ApiError('not_found', `There is no video ${id.slice(0, 100)}.`, { param });
    return record;
  }

  private pollAfterMs(modelId: string): number {
    const seconds = this.catalog.find(modelId)?.polling?.interval_seconds;
    return seconds === undefined ? DEFAULT_POLL_MS : Math.round(seconds * 1000);
  }
}

function waitOf({ respondAsync, waitSeconds }: Preferences): CreateOptions {
  if (waitSeconds !== undefined) return { wait: { until: 'ended', timeoutMs: waitSeconds * 1000 } };
  return respondAsync ? {} : { wait: { until: 'accepted', timeoutMs: ACCEPTANCE_MS } };
}
