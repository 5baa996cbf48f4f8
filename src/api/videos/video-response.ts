import type { Size } from '@litegen/plugin-sdk';
import { formatSize, type Model, parseRatio, parseSize } from '../../domain/catalog/index.js';
import {
  type Created,
  type Dialect,
  type GenerationEntity,
  type GenerationRecord,
  type Linker,
  publicStatus,
} from '../../engine/generations/index.js';
import { toUsage } from '../shared/index.js';
import type { VideoError, VideoGenerationResponse, VideoStatus } from './dto/video-response.dto.js';

/** LiteGen's words in OpenAI's; a cancelled video has failed there, with the code `cancelled`. */
const OPENAI_STATUSES: Readonly<Record<ReturnType<typeof publicStatus>, VideoStatus>> = {
  pending: 'queued',
  processing: 'in_progress',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'failed',
};

/** @param dialect whose words; those of the generation's own creation unless the route belongs to one dialect */
export function toVideo(
  { generation, outputs, remainingMicros }: GenerationRecord & Partial<Pick<Created, 'remainingMicros'>>,
  model: Model | undefined,
  link: Linker,
  dialect: Dialect = generation.request.dialect,
): VideoGenerationResponse {
  const status = publicStatus(generation.status);
  const [first] = outputs;
  const error = errorOf(generation);
  return {
    id: generation.id,
    object: 'video',
    status: dialect === 'openai' ? OPENAI_STATUSES[status] : status,
    model: generation.model,
    provider: generation.provider,
    progress: generation.progress,
    created: seconds(generation.createdAt),
    created_at: seconds(generation.createdAt),
    completed_at: generation.completedAt === null ? null : seconds(generation.completedAt),
    expires_at: null,
    seconds: lengthOf(generation, model, first),
    size: sizeOf(generation, model, first),
    prompt: generation.request.prompt,
    remixed_from_video_id: generation.request.remixOf ?? null,
    error: dialect === 'openai' || error === null ? error : error.message,
    error_code: error?.code ?? null,
    ...(first === undefined ? {} : { video_url: link(first) }),
    outputs: outputs.map((output, index) => ({
      url: link(output),
      content_type: output.contentType,
      size_bytes: output.bytes,
      width: output.width,
      height: output.height,
      duration_seconds: output.durationMs === null ? null : output.durationMs / 1000,
      index,
    })),
    usage: toUsage(generation, remainingMicros),
    metadata: generation.metadata,
    receipt: generation.receipt as VideoGenerationResponse['receipt'],
  };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function errorOf({ status, errorCode, errorMessage }: GenerationEntity): VideoError | null {
  if (status === 'cancelled') return { code: 'cancelled', message: 'The generation was cancelled.' };
  if (status !== 'failed') return null;
  return { code: errorCode ?? 'internal_error', message: errorMessage ?? 'The generation failed.' };
}

type Clip = GenerationRecord['outputs'][number] | undefined;

/** What was asked for, else what the file shows, else what the model does unasked. Always text, as OpenAI's SDKs want it. */
function lengthOf({ request }: GenerationEntity, model: Model | undefined, clip: Clip): string {
  if (request.params.duration_seconds !== undefined) return String(request.params.duration_seconds);
  if (clip?.durationMs) return String(Math.round(clip.durationMs / 100) / 10);
  const spec = model?.params.duration_seconds;
  return (spec?.kind === 'float' || spec?.kind === 'int') && spec.default !== undefined ? String(spec.default) : '';
}

function sizeOf({ request }: GenerationEntity, model: Model | undefined, clip: Clip): string {
  if (clip?.width && clip.height) return formatSize({ width: clip.width, height: clip.height });
  const { size } = request.params;
  return formatSize(typeof size === 'object' ? size : defaultSize(request.params, model));
}

/** What the model makes of a request that names no size. */
function defaultSize({ resolution, aspect_ratio: ratio }: GenerationEntity['request']['params'], model: Model | undefined): Size {
  const spec = model?.params.size;
  const named = spec?.kind === 'size' && spec.default !== undefined ? parseSize(spec.default) : undefined;
  if (named !== undefined && resolution === undefined && ratio === undefined) return named;
  const usual = usualSize(
    resolution ?? textDefault(model, 'resolution'),
    ratio ?? textDefault(model, 'aspect_ratio'),
    named && Math.min(named.width, named.height),
  );
  if (spec?.kind !== 'size' || spec.mode !== 'enum' || resolution !== undefined) return usual;
  const [width, height] = spec.values.find(([across, down]) => isAlike(across / down, usual.width / usual.height)) ?? [];
  return width === undefined || height === undefined ? usual : { width, height };
}

/** Sides are whole and even, and so a ratio is met nearly. */
function isAlike(first: number, second: number): boolean {
  return Math.abs(first / second - 1) < 0.02;
}

function textDefault(model: Model | undefined, name: 'resolution' | 'aspect_ratio'): string | undefined {
  const spec = model?.params[name];
  return spec?.kind === 'string' || spec?.kind === 'aspect_ratio' ? spec.default : undefined;
}

/** `720p` is the shorter side. A video whose file is not there yet, and of which nothing else is known, is most likely 720p and wide. */
function usualSize(resolution = '', ratio = '16:9', side = 720): Size {
  const exact = parseSize(resolution);
  if (exact !== undefined) return exact;
  const shorter = Number(/^(\d{3,4})p$/i.exec(resolution)?.[1] ?? side);
  const share = parseRatio(ratio) ?? 16 / 9;
  const longer = Math.round((shorter * Math.max(share, 1 / share)) / 2) * 2;
  return share >= 1 ? { width: longer, height: shorter } : { width: shorter, height: longer };
}
