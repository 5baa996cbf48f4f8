import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { wholeOf } from '../../domain/access/index.js';
import { CatalogService } from '../../domain/catalog/index.js';
import { LinkSigner } from '../../domain/storage/index.js';
import {
  type Candidates,
  type Created,
  type CreateOptions,
  type GenerationCommand,
  GenerationsQueries,
  GenerationsService,
  isTerminal,
  linkerFor,
  toGenerationDetail,
} from '../../engine/generations/index.js';
import { ApiError, Clock, type Preferences, parsePrefer } from '../../platform/common/index.js';
import { CONFIG, type Config, ownPath } from '../../platform/config/index.js';
import { Answers, connectionOf, createdHeaders, isDryRun, planHeaders, releasing, toCostEstimate } from '../shared/index.js';
import { toImageAnswer } from './image-answer.js';
import type { ImageJob } from './image-command.service.js';
import { ImageStreams, throwUnlessCompleted } from './image-stream.service.js';

/** The engine ends every generation by its deadline; this only bounds the wait. */
const WAIT_MS = 24 * 3_600_000;

/** Runs a request of the images API and writes its answer. */
@Injectable()
export class ImagesService {
  constructor(
    private readonly generations: GenerationsService,
    private readonly queries: GenerationsQueries,
    private readonly catalog: CatalogService,
    private readonly streams: ImageStreams,
    private readonly answers: Answers,
    private readonly links: LinkSigner,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws ApiError */
  async run(job: ImageJob, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (isDryRun(request)) return this.estimate(job, reply);
    if (job.stream) return this.streams.run(job, request, reply);
    const preferences = parsePrefer(request.headers.prefer);
    const creating = this.generations.create(job.command, { ...waitOf(preferences), connection: connectionOf(reply) });
    const created = await releasing(job.command, creating);
    reply.headers(createdHeaders(created, this.clock.now(), preferences));
    if (!isTerminal(created.generation.status)) return this.pending(created, request, reply);
    throwUnlessCompleted(created);
    const model = this.catalog.find(created.generation.model);
    await this.answers.json(reply, 200, toImageAnswer(created, model, linkerFor(this.links, request), job.responseFormat));
  }

  /** What the request would cost; nothing is generated. @throws ApiError */
  async estimate(job: ImageJob, reply: FastifyReply): Promise<void> {
    const [candidate] = await releasing(job.command, this.quoted(job.command));
    reply.headers(planHeaders(candidate, this.clock.now()));
    await this.answers.json(reply, 200, toCostEstimate(candidate));
  }

  private async quoted(command: GenerationCommand): Promise<Candidates> {
    return this.generations.quote(command);
  }

  private async pending(created: Created, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { generation, outputs, attempts, remainingMicros } = created;
    // What was just admitted need not be read back.
    const view = attempts === undefined ? await this.queries.find(wholeOf(generation), generation.id) : { generation, outputs, attempts };
    reply.header('location', ownPath(this.config.server, `/v1/generations/${generation.id}`));
    if (view === null)
      throw new ApiError('not_found', `There is no generation ${generation.id} any more.`, { generationId: generation.id });
    await this.answers.json(reply, 202, toGenerationDetail(view, linkerFor(this.links, request), remainingMicros));
  }
}

function waitOf({ respondAsync, waitSeconds }: Preferences): CreateOptions {
  if (waitSeconds !== undefined) return { wait: { until: 'ended', timeoutMs: waitSeconds * 1000 } };
  return respondAsync ? {} : { wait: { until: 'ended', timeoutMs: WAIT_MS } };
}
