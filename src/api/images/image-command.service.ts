import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf } from '../../domain/access/index.js';
import { MODALITIES, type Model, type OperationOf } from '../../domain/catalog/index.js';
import { type GenerationCommand, GenerationsService } from '../../engine/generations/index.js';
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
import type { ImageEditRequest, ResponseFormat } from './dto/image-request.dto.js';

const IMAGE_PARAMS: readonly string[] = [
  ...SHARED_PARAMS,
  'background',
  'output_format',
  'output_compression',
  'moderation',
  'input_fidelity',
];

export type ImageOperation = OperationOf<'image'>;

/** The schema of each route's body. */
const SCHEMAS: Readonly<Record<ImageOperation, string>> = { 'image.generate': 'ImageGenerationRequest', 'image.edit': 'ImageEditRequest' };

type NamedModel = Pick<GenerationCommand, 'model' | 'principal'>;

function needsNoWords({ operations, prompt }: Model): boolean {
  return operations.includes('image.edit') && !prompt.required;
}

/** A request for images, read and checked. */
export interface ImageJob {
  readonly command: GenerationCommand;
  readonly stream: boolean;
  /** Absent: both forms. */
  readonly responseFormat?: ResponseFormat;
}

/** Reads the requests of the images API. */
@Injectable()
export class ImageCommands {
  constructor(
    private readonly bodies: BodyReader,
    private readonly references: References,
    private readonly generations: GenerationsService,
  ) {}

  /**
   * On this route references make an image-to-image request; on a model that only edits, the planner makes it an edit.
   * @throws ApiError
   */
  generation(request: FastifyRequest): Promise<ImageJob> {
    return this.read(request, 'image.generate');
  }

  /** @throws ApiError */
  edit(request: FastifyRequest): Promise<ImageJob> {
    return this.read(request, 'image.edit');
  }

  /** An edit that the model makes of a picture alone. @throws ApiError `operation_unsupported` for a model that needs words */
  variation(request: FastifyRequest): Promise<ImageJob> {
    return this.read(request, 'image.edit', (named) => {
      this.generations.modelThat(needsNoWords, 'makes no variations, as it needs words', named);
    });
  }

  /** As the route of the operation would read the body. @throws ApiError */
  fromBody(request: FastifyRequest, operation: ImageOperation, body: object): Promise<ImageJob> {
    return this.job(request, operation, this.bodies.check<ImageEditRequest>(SCHEMAS[operation], body));
  }

  /** @param judge what the route wants of the model beyond what planning finds; throws where that is not met */
  private async read(request: FastifyRequest, operation: ImageOperation, judge?: (named: NamedModel) => void): Promise<ImageJob> {
    // What is wrong with the query is told before a body is read.
    isDryRun(request);
    const principal = principalOf(request);
    const checkModel = (model: string): void => {
      if (judge === undefined) this.generations.modelOf({ model, principal });
      else judge({ model, principal });
    };
    const intake = await this.bodies.read<ImageEditRequest>(request, SCHEMAS[operation], {
      allowVideo: MODALITIES.image.takesVideo,
      checkModel,
    });
    try {
      judge?.({ model: intake.fields.model, principal });
      return await this.job(request, operation, intake);
    } catch (error) {
      await discardAll(intake.files.map(({ reference }) => reference));
      throw error;
    }
  }

  private async job(request: FastifyRequest, operation: ImageOperation, intake: Intake<ImageEditRequest>): Promise<ImageJob> {
    const principal = principalOf(request);
    const { fields, unknown, files } = intake;
    const named = collectReferences(
      files,
      {
        reference_images: fields.reference_images,
        inputs: [
          { field: 'image', value: fields.image },
          { field: 'images', value: fields.images },
          { field: 'mask', role: 'mask', value: fields.mask },
        ],
      },
      ['image', 'images'],
    );
    const stream = fields.stream ?? false;
    return {
      command: toCommand(fields, {
        principal,
        requestId: String(request.id),
        operation,
        dialect: 'litegen',
        references: await this.references.resolve(principal, named),
        unknown,
        params: pick(fields, IMAGE_PARAMS),
        strictByHeader: strictByHeader(request),
        partialImages: fields.partial_images ?? 0,
        stream,
        delivery: fields.response_format ?? 'both',
        idempotency: idempotencyOf(request),
        quoteId: quoteIdOf(request),
        cache: cacheDirectivesOf(request),
      }),
      stream,
      ...(fields.response_format ? { responseFormat: fields.response_format } : {}),
    };
  }
}
