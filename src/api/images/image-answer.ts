import type { Model } from '../../domain/catalog/index.js';
import type { Created, GenerationRecord, Linker } from '../../engine/generations/index.js';
import { FileText } from '../../platform/common/index.js';
import { toUsage } from '../shared/index.js';
import type { ResponseFormat } from './dto/image-request.dto.js';
import type { ImageGenerationResponse, ImageResult } from './dto/image-response.dto.js';
import { imageFacts, pixelsOf } from './image-facts.js';

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
