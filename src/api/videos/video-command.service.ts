import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf } from '../../domain/access/index.js';
import { formatSize, MODALITIES } from '../../domain/catalog/index.js';
import { type Dialect, type GenerationCommand, type GenerationRecord, GenerationsService } from '../../engine/generations/index.js';
import { ApiError } from '../../platform/common/index.js';
import {
  BodyReader,
  cacheDirectivesOf,
  collectReferences,
  discardAll,
  type Intake,
  idempotencyOf,
  isDryRun,
  pick,
  quoteIdOf,
  References,
  SHARED_PARAMS,
  strictByHeader,
  toCommand,
} from '../shared/index.js';
import type { VideoGenerationRequest, VideoRemixRequest } from './dto/video-request.dto.js';

const SCHEMA = 'VideoGenerationRequest';
/** Of the reference that a remix is made of. */
export const REMIX_ROLE = 'video';
const VIDEO_PARAMS: readonly string[] = [...SHARED_PARAMS, 'fps', 'audio'];

/** A finished video and its file. */
export interface RemixSource {
  readonly generation: GenerationRecord['generation'];
  readonly file: GenerationRecord['outputs'][number];
}

/** Reads the requests of the videos API. */
@Injectable()
export class VideoCommands {
  constructor(
    private readonly bodies: BodyReader,
    private readonly references: References,
    private readonly generations: GenerationsService,
  ) {}

  /** @throws ApiError */
  async read(request: FastifyRequest, dialect: Dialect): Promise<GenerationCommand> {
    // What is wrong with the query is told before a body is read.
    isDryRun(request);
    const principal = principalOf(request);
    const checkModel = (model: string): void => void this.generations.modelOf({ model, principal });
    const intake = await this.bodies.read<VideoGenerationRequest>(request, SCHEMA, { allowVideo: MODALITIES.video.takesVideo, checkModel });
    try {
      return await this.command(request, dialect, intake);
    } catch (error) {
      await discardAll(intake.files.map(({ reference }) => reference));
      throw error;
    }
  }

  /** As LiteGen's route would read the body. @throws ApiError */
  fromBody(request: FastifyRequest, body: object): Promise<GenerationCommand> {
    return this.command(request, 'litegen', this.bodies.check<VideoGenerationRequest>(SCHEMA, body));
  }

  /**
   * The same model and parameters again, with other words and the video itself.
   * @throws ApiError
   */
  async remix(request: FastifyRequest, { generation, file }: RemixSource): Promise<GenerationCommand> {
    isDryRun(request);
    const principal = principalOf(request);
    const intake = await this.bodies.read<VideoRemixRequest>(request, 'VideoRemixRequest', {
      allowVideo: MODALITIES.video.takesVideo,
      checkModel: () => undefined,
    });
    await discardAll(intake.files.map(({ reference }) => reference));
    const unknown = { ...intake.unknown, ...Object.fromEntries(intake.files.map(({ part }) => [part, 'a file'])) };
    const { size, ...params } = generation.request.params;
    return toCommand(
      { model: generation.model, prompt: intake.fields.prompt, extra: generation.request.extra },
      {
        principal,
        requestId: String(request.id),
        operation: 'video.generate',
        dialect: 'openai',
        references: [{ role: REMIX_ROLE, param: 'video_id', source: { kind: 'ingested', reference: { blob: blobOf(file) } } }],
        unknown,
        params: { ...params, ...(size === undefined || size === 'auto' ? {} : { size: formatSize(size) }) },
        remixOf: generation.id,
        strictByHeader: strictByHeader(request),
        partialImages: 0,
        delivery: 'openai',
        idempotency: idempotencyOf(request),
        quoteId: quoteIdOf(request),
        cache: cacheDirectivesOf(request),
      },
    );
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
      strictByHeader: strictByHeader(request),
      partialImages: 0,
      delivery: dialect,
      idempotency: idempotencyOf(request),
      quoteId: quoteIdOf(request),
      cache: cacheDirectivesOf(request),
    });
  }
}

function blobOf({ sha256, bytes, contentType, width, height }: RemixSource['file']) {
  return { sha256, bytes, contentType, ...(width === null ? {} : { width }), ...(height === null ? {} : { height }) };
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
