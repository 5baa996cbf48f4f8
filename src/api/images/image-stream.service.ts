import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CatalogService } from '../../domain/catalog/index.js';
import { LinkSigner } from '../../domain/storage/index.js';
import {
  type Created,
  type GenerationRecord,
  type GenerationSignal,
  GenerationsService,
  linkerFor,
} from '../../engine/generations/index.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import { connectionOf, createdHeaders, EventAnswers, EventStream, FileText, NO_USAGE, releasing, toUsage } from '../shared/index.js';
import { eventFacts, type ImageJob, imageFacts, pixelsOf, throwUnlessCompleted } from './images.service.js';

/** A failure within this time is an HTTP error; later the stream has begun and tells it as an event. */
const QUIET_MS = 5_000;
/** The engine ends every generation by its deadline; this only bounds the wait. */
const WAIT_MS = 24 * 3_600_000;

/** OpenAI's streamed images: partial pictures while they form, then the finished ones. */
@Injectable()
export class ImageStreams {
  constructor(
    private readonly generations: GenerationsService,
    private readonly catalog: CatalogService,
    private readonly answers: EventAnswers,
    private readonly links: LinkSigner,
    private readonly clock: Clock,
  ) {}

  /** @throws ApiError when nothing was admitted, or it failed before the stream began */
  async run(job: ImageJob, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const stream = new EventStream();
    const begun = deferred();
    let admitted: Created | undefined;
    const family = job.command.operation === 'image.edit' ? 'image_edit' : 'image_generation';
    const onSignal = (signal: GenerationSignal): void => {
      if (signal.type !== 'partial_image' || admitted === undefined) return;
      stream.push(this.partialEvent(family, admitted, signal));
      begun.resolve();
    };
    const creating = this.generations.create(job.command, {
      wait: { until: 'ended', timeoutMs: WAIT_MS },
      onSignal,
      connection: connectionOf(reply),
      onAdmitted: (created) => {
        admitted = created;
      },
    });
    const ended = releasing(job.command, creating);
    const timer = setTimeout(begun.resolve, QUIET_MS);
    const early = await Promise.race([ended, begun.promise]).finally(() => clearTimeout(timer));
    if (early !== undefined) {
      throwUnlessCompleted(early);
      this.pushCompleted(family, stream, early, request);
      stream.end();
    } else {
      void ended.then(
        (record) => this.finish(family, stream, record, request),
        (error: unknown) => this.fail(stream, error, request),
      );
    }
    const headers = early ?? admitted;
    if (headers !== undefined) reply.headers(createdHeaders(headers, this.clock.now()));
    await this.answers.send(reply, stream);
  }

  private finish(family: string, stream: EventStream, record: Created, request: FastifyRequest): void {
    try {
      throwUnlessCompleted(record);
      this.pushCompleted(family, stream, record, request);
      stream.end();
    } catch (error) {
      this.fail(stream, error, request);
    }
  }

  private fail(stream: EventStream, thrown: unknown, request: FastifyRequest): void {
    const error =
      thrown instanceof ApiError
        ? thrown
        : new ApiError('internal_error', 'Something went wrong in the gateway. Look for the request id in the logs.');
    stream.push({ event: 'error', data: { type: 'error', ...error.toBody(String(request.id)) } });
    stream.end();
  }

  private partialEvent(
    family: string,
    { generation }: GenerationRecord,
    { index, blob }: Extract<GenerationSignal, { type: 'partial_image' }>,
  ) {
    const type = `${family}.partial_image`;
    return {
      event: type,
      data: {
        type,
        b64_json: new FileText(blob.sha256, blob.bytes),
        created_at: this.seconds(),
        ...eventFacts(imageFacts(generation, this.catalog.find(generation.model), blob)),
        partial_image_index: index,
      },
    };
  }

  /** One event for each picture; the last tells the usage of all. */
  private pushCompleted(family: string, stream: EventStream, record: Created, request: FastifyRequest): void {
    const { generation, outputs, remainingMicros } = record;
    const link = linkerFor(this.links, request);
    const model = this.catalog.find(generation.model);
    const type = `${family}.completed`;
    for (const [index, output] of outputs.entries()) {
      stream.push({
        event: type,
        data: {
          type,
          b64_json: new FileText(output.sha256, output.bytes),
          created_at: this.seconds(),
          ...eventFacts(imageFacts(generation, model, output)),
          usage: index === outputs.length - 1 ? toUsage(generation, remainingMicros) : NO_USAGE,
          id: generation.id,
          index,
          url: link(output),
          content_type: output.contentType,
          ...pixelsOf(output),
          ...(output.revisedPrompt === null ? {} : { revised_prompt: output.revisedPrompt }),
          model: generation.model,
          provider: generation.provider,
          receipt: generation.receipt,
        },
      });
    }
  }

  private seconds(): number {
    return Math.floor(this.clock.nowMs() / 1000);
  }
}

function deferred(): { readonly promise: Promise<undefined>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<undefined>((done) => {
    resolve = () => done(undefined);
  });
  return { promise, resolve };
}
