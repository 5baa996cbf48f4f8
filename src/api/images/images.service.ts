import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf, wholeOf } from '../../domain/access/index.js';
import { CatalogService, MODALITIES, type Model, type OperationOf } from '../../domain/catalog/index.js';
import { LinkSigner } from '../../domain/storage/index.js';
import {
  type Candidates,
  type Created,
  type CreateOptions,
  failureOf,
  type GenerationCommand,
  type GenerationEntity,
  type GenerationRecord,
  GenerationsQueries,
  GenerationsService,
  isTerminal,
  type Linker,
  linkerFor,
  toGenerationDetail,
} from '../../engine/generations/index.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, type Config, ownPath } from '../../platform/config/index.js';
import {
  Answers,
  BodyReader,
  cacheDirectivesOf,
  collectReferences,
  connectionOf,
  createdHeaders,
  discardAll,
  FileText,
  type Intake,
  idempotencyOf,
  isDryRun,
  type Preferences,
  parsePrefer,
  pick,
  planHeaders,
  quoteIdOf,
  References,
  releasing,
  SHARED_PARAMS,
  strictByHeader,
  toCommand,
  toCostEstimate,
  toUsage,
} from '../shared/index.js';
import type { ImageEditRequest, ResponseFormat } from './dto/image-request.dto.js';
import type { ImageGenerationResponse, ImageResult } from './dto/image-response.dto.js';

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

/** The engine ends every generation by its deadline; this only bounds the wait. */
const WAIT_MS = 24 * 3_600_000;

/** Runs a request of the images API and writes its answer, in one piece. */
@Injectable()
export class ImagesService {
  constructor(
    private readonly generations: GenerationsService,
    private readonly queries: GenerationsQueries,
    private readonly catalog: CatalogService,
    private readonly answers: Answers,
    private readonly links: LinkSigner,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws ApiError */
  async run(job: ImageJob, request: FastifyRequest, reply: FastifyReply): Promise<void> {
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

/** @throws ApiError */
export function throwUnlessCompleted({ generation }: GenerationRecord): void {
  if (generation.status === 'completed') return;
  if (generation.status === 'failed') throw failureOf(generation);
  const message = `The generation is ${generation.status}.`;
  throw new ApiError(generation.status === 'cancelled' ? 'generation_cancelled' : 'not_ready', message, { generationId: generation.id });
}

/** An answer whose base64 is still in the store. */
export type ImageAnswer = Omit<ImageGenerationResponse, 'data'> & {
  readonly data: (Omit<ImageResult, 'b64_json'> & { b64_json?: FileText })[];
};

/** The finished pictures. @param format absent: both forms */
export function toImageAnswer(
  { generation, outputs, remainingMicros }: GenerationRecord & Partial<Pick<Created, 'remainingMicros'>>,
  model: Model | undefined,
  link: Linker,
  format?: ResponseFormat,
): ImageAnswer {
  return {
    id: generation.id,
    created: Math.floor(generation.createdAt / 1000),
    model: generation.model,
    provider: generation.provider,
    usage: toUsage(generation, remainingMicros),
    ...imageFacts(generation, model, outputs[0]),
    metadata: generation.metadata,
    receipt: generation.receipt as ImageGenerationResponse['receipt'],
    data: outputs.map((output, index) => ({
      ...(format === 'b64_json' ? {} : { url: link(output) }),
      ...(format === 'url' ? {} : { b64_json: new FileText(output.sha256, output.bytes) }),
      ...(output.revisedPrompt === null ? {} : { revised_prompt: output.revisedPrompt }),
      content_type: output.contentType,
      ...pixelsOf(output),
      index,
    })),
  };
}

/** What OpenAI's answers tell about a picture beside its bytes. */
export interface ImageFacts {
  readonly size?: string | undefined;
  readonly quality?: string | undefined;
  readonly background?: string | undefined;
  readonly output_format?: string | undefined;
}

interface Picture {
  readonly contentType: string;
  readonly width?: number | null;
  readonly height?: number | null;
}

/**
 * What OpenAI's own answers can hold: its SDKs refuse other values when they validate strictly, and those that closed their list of sizes are in use.
 * Every picture's true size stands beside it.
 */
const OPENAI_VALUES = {
  size: new Set(['1024x1024', '1536x1024', '1024x1536']),
  quality: new Set(['low', 'medium', 'high', 'xhigh', 'max']),
  background: new Set(['transparent', 'opaque']),
  output_format: new Set(['png', 'webp', 'jpeg', 'gif', 'svg']),
} as const satisfies Record<keyof ImageFacts, ReadonlySet<string>>;

/** What was asked for, else what the model does unasked, else what the file shows, as far as OpenAI has a word for it. */
export function imageFacts(
  { request }: Pick<GenerationEntity, 'request'>,
  model: Model | undefined,
  picture: Picture | undefined,
): ImageFacts {
  const facts: ImageFacts = {
    size: sizeOf(request.params.size, picture),
    quality: request.params.quality ?? textDefault(model, 'quality'),
    background: request.params.background ?? textDefault(model, 'background'),
    output_format: picture === undefined ? undefined : formatOf(picture.contentType),
  };
  return Object.fromEntries(
    Object.entries(facts).filter(([name, value]) => value !== undefined && OPENAI_VALUES[name as keyof ImageFacts].has(value)),
  );
}

/** Pixels of a picture, where its file tells them. */
export function pixelsOf({ width, height }: Picture): { width?: number; height?: number } {
  return width && height ? { width, height } : {};
}

/** OpenAI's events have all four, and a word for what is not known. */
export function eventFacts(facts: ImageFacts): Required<ImageFacts> {
  return { size: 'auto', quality: 'auto', background: 'auto', output_format: 'png', ...facts };
}

function textDefault(model: Model | undefined, name: 'quality' | 'background'): string | undefined {
  const spec = model?.params[name];
  return spec?.kind === 'string' ? spec.default : undefined;
}

/** The file itself is surer than what was asked for, and knows it for `auto`. */
function sizeOf(asked: GenerationEntity['request']['params']['size'], picture: Picture | undefined): string | undefined {
  if (picture?.width && picture.height) return `${picture.width}x${picture.height}`;
  return typeof asked === 'object' ? `${asked.width}x${asked.height}` : asked;
}

/** `image/svg+xml` as `svg`. */
function formatOf(contentType: string): string {
  return (contentType.split('/')[1] ?? contentType).split('+')[0] ?? contentType;
}
