import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf } from '../auth/index.js';
import { ApiError } from '../common/index.js';
import {
  BodyReader,
  cacheDirectivesOf,
  collectReferences,
  type Intake,
  idempotencyOf,
  pick,
  quoteIdOf,
  References,
  SHARED_PARAMS,
  strictByHeader,
  toCommand,
} from '../doors/index.js';
import type { Dialect, GenerationCommand } from '../generations/index.js';
import type { VideoGenerationRequest } from './dto/video-request.dto.js';

const SCHEMA = 'VideoGenerationRequest';
const VIDEO_PARAMS: readonly string[] = [...SHARED_PARAMS, 'fps', 'audio'];

/** Reads the requests of the videos door. */
@Injectable()
export class VideoCommands {
  constructor(
    private readonly bodies: BodyReader,
    private readonly references: References,
  ) {}

  /** @throws ApiError */
  async read(request: FastifyRequest, dialect: Dialect): Promise<GenerationCommand> {
    return this.command(request, dialect, await this.bodies.read<VideoGenerationRequest>(request, SCHEMA, { allowVideo: true }));
  }

  /** As LiteGen's route would read the body. @throws ApiError */
  fromBody(request: FastifyRequest, body: object): Promise<GenerationCommand> {
    return this.command(request, 'litegen', this.bodies.check<VideoGenerationRequest>(SCHEMA, body));
  }

  private async command(request: FastifyRequest, dialect: Dialect, intake: Intake<VideoGenerationRequest>): Promise<GenerationCommand> {
    const principal = principalOf(request);
    const { fields, unknown, files } = intake;
    const duration = durationOf(fields);
    const named = collectReferences(
      files,
      { reference_images: fields.reference_images, inputs: [{ field: 'input_reference', value: fields.input_reference }] },
      ['input_reference'],
    );
    return toCommand(fields, {
      principal,
      requestId: String(request.id),
      operation: 'video.generate',
      dialect,
      references: await this.references.resolve(principal, named),
      unknown,
      params: { ...pick(fields, VIDEO_PARAMS), ...(duration === undefined ? {} : { duration_seconds: duration }) },
      ...(fields.seconds == null ? {} : { fieldNames: { duration_seconds: 'seconds' } }),
      strictByDefault: strictByHeader(request),
      partialImages: 0,
      delivery: dialect,
      idempotency: idempotencyOf(request),
      quoteId: quoteIdOf(request),
      cache: cacheDirectivesOf(request),
    });
  }
}

/** @throws ApiError when `seconds` is no number, or says something else than `duration_seconds` */
export function durationOf({
  seconds,
  duration_seconds: duration,
}: Pick<VideoGenerationRequest, 'seconds' | 'duration_seconds'>): number | undefined {
  if (seconds === undefined || seconds === null) return duration ?? undefined;
  const value = typeof seconds === 'number' ? seconds : /^\s*\d+(\.\d+)?\s*$/.test(seconds) ? Number(seconds) : Number.NaN;
  if (!Number.isFinite(value)) {
    throw new ApiError('param_invalid_type', `seconds must be a number, or one as text; it is ${JSON.stringify(seconds).slice(0, 80)}.`, {
      param: 'seconds',
    });
  }
  if (duration !== undefined && duration !== null && duration !== value) {
    throw new ApiError('param_invalid_type', `seconds is ${value} and duration_seconds is ${duration}: send one of them.`, {
      param: 'seconds',
    });
  }
  return value;
}
