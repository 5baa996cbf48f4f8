import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Principal, principalOf, reachOf } from '../../domain/access/index.js';
import { LinkSigner } from '../../domain/storage/index.js';
import {
  beginningOf,
  ENDED,
  eventsSince,
  GenerationFeed,
  type GenerationLook,
  GenerationsQueries,
  GenerationsService,
  linkerFor,
  type Position,
  positionOf,
  toGenerationDetail,
} from '../../engine/generations/index.js';
import { ApiError } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { EventAnswers, EventStream } from '../shared/index.js';
import { checkAcceptsEvents } from './accept.policy.js';
import type { GenerationEndedEvent, GenerationProgressEvent } from './dto/generation-event.dto.js';

/** When a client whose connection broke is to come back. */
const RETRY_MS = 1_000;
const RETRY_AFTER_SECONDS = 5;

/** Streams of what happens to generations. Whatever is not delivered here is delivered by the next process that is asked. */
@Injectable()
export class EventStreams implements OnModuleInit {
  private readonly logger = new Logger(EventStreams.name);
  private readonly open = new Set<EventStream>();
  private readonly openByKey = new Map<string, number>();
  private closing = false;

  constructor(
    private readonly feed: GenerationFeed,
    private readonly generations: GenerationsService,
    private readonly queries: GenerationsQueries,
    private readonly answers: EventAnswers,
    private readonly links: LinkSigner,
    private readonly host: HttpAdapterHost,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** A process that ends keeps its streams until its work is done or its grace is over; then clients go on elsewhere. */
  onModuleInit(): void {
    const fastify: FastifyInstance = this.host.httpAdapter.getInstance();
    fastify.addHook('preClose', (done) => {
      this.closing = true;
      for (const stream of this.open) stream.end();
      done();
    });
  }

  /** @throws ApiError `not_found`, `not_acceptable`, `invalid_query` for a strange `Last-Event-ID`, `too_many_streams` */
  async follow(id: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    checkAcceptsEvents(request.headers.accept);
    const lastId = [request.headers['last-event-id'] ?? []].flat()[0];
    const resumed = lastId === undefined || lastId === '' || lastId === ENDED ? undefined : resume(lastId);
    const caller = principalOf(request);
    const view = await this.queries.find(reachOf(caller), id);
    if (view === null) throw new ApiError('not_found', `There is no generation ${id}.`, { param: 'id' });
    if (lastId === ENDED) {
      await reply.code(204).send();
      return;
    }
    // Nobody is left who could hear of a later end.
    if (reply.raw.destroyed) return;
    const leave = this.enter(caller);
    const stream = new EventStream(RETRY_MS);
    this.open.add(stream);
    const listener = this.listener(stream, request, resumed ?? beginningOf(view.generation));
    const stop = this.feed.follow(id, (look) => listener(look));
    reply.raw.once('close', () => {
      stop();
      leave();
      this.open.delete(stream);
    });
    listener(view.generation);
    if (this.closing) stream.end();
    await this.answers.send(reply, stream);
  }

  private listener(stream: EventStream, request: FastifyRequest, from: Position): (look: GenerationLook) => void {
    let position = from;
    let isEnding = false;
    return (look) => {
      if (isEnding) return;
      const { events, position: reached } = eventsSince(position, look);
      position = reached;
      for (const event of events) {
        if (event.kind === 'ended') {
          isEnding = true;
          void this.tellEnd(stream, request, look.id).catch((error: unknown) => {
            // The next look tries again.
            isEnding = false;
            this.logger.debug(`The end of ${look.id} could not be told: ${String(error)}`);
          });
          continue;
        }
        const type = event.kind === 'status' ? 'generation.status' : 'generation.progress';
        const data: GenerationProgressEvent = {
          type,
          timestamp: new Date(look.updatedAt).toISOString(),
          data: { id: look.id, status: event.status, progress: event.progress },
        };
        stream.push({ id: event.id, event: type, data });
      }
    };
  }

  /** As GET answers it, read when it is sent. What its owner has removed meanwhile ends without a word. */
  private async tellEnd(stream: EventStream, request: FastifyRequest, id: string): Promise<void> {
    const view = await this.queries.find(reachOf(principalOf(request)), id);
    if (view !== null) {
      const remainingMicros = await this.generations.remainingFor(view.generation);
      const detail = toGenerationDetail(view, linkerFor(this.links, request), remainingMicros);
      const type = `generation.${detail.status}` as GenerationEndedEvent['type'];
      const data: GenerationEndedEvent = { type, timestamp: detail.completed_at ?? detail.created_at, data: detail };
      stream.push({ id: ENDED, event: type, data });
    }
    stream.end();
  }

  /** @returns how to give the place back */
  private enter({ orgId, appId, keyId }: Principal): () => void {
    const key = `${orgId} ${appId} ${keyId ?? ''}`;
    const limit = this.config.events.streams_per_key;
    const count = this.openByKey.get(key) ?? 0;
    if (count >= limit) {
      throw new ApiError('too_many_streams', `This API key has ${count} event streams open here; its limit is ${limit}.`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    this.openByKey.set(key, count + 1);
    return () => {
      const left = (this.openByKey.get(key) ?? 1) - 1;
      if (left === 0) this.openByKey.delete(key);
      else this.openByKey.set(key, left);
    };
  }
}

function resume(lastId: string): Position {
  const position = positionOf(lastId);
  if (position !== null) return position;
  throw new ApiError('invalid_query', 'Last-Event-ID is the id of an event of this generation, such as 2.35.', { param: 'last-event-id' });
}
