import type { Model } from '../catalog/index.js';
import { toUsage } from '../doors/index.js';
import {
  type Created,
  type Dialect,
  type GenerationEntity,
  type GenerationRecord,
  type Linker,
  publicStatus,
} from '../generations/index.js';
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
    remixed_from_video_id: null,
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
  if (clip?.width && clip.height) return `${clip.width}x${clip.height}`;
  const { size } = request.params;
  if (typeof size === 'object') return `${size.width}x${size.height}`;
  const spec = model?.params.size;
  return spec?.kind === 'size' && spec.default !== undefined ? spec.default : '';
}
