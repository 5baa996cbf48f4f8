import { getSchemaPath } from '../../platform/openapi/index.js';
import { FORM_FLAG, formBodies, type RequestBody } from '../shared/index.js';
import { ImageEditRequest, ImageGenerationRequest, MAX_PARTIAL_IMAGES } from './dto/image-request.dto.js';

const FORM_FIELDS = {
  model: { type: 'string', minLength: 1, example: 'mock/paint' },
  prompt: { type: 'string', example: 'add a moon' },
  n: { type: 'integer', maximum: Number.MAX_SAFE_INTEGER, example: 1 },
  size: { type: 'string', example: '512x512' },
  quality: { type: 'string' },
  background: { type: 'string' },
  output_format: { type: 'string' },
  response_format: { type: 'string', enum: ['url', 'b64_json'] },
  stream: FORM_FLAG,
  partial_images: { type: 'integer', minimum: 0, maximum: MAX_PARTIAL_IMAGES },
};

const IMAGE_FILES = {
  image: { description: 'The picture to work from.' },
  'image[]': { description: 'Several pictures; both names together are one list.', several: true },
  mask: { description: 'A mask with the role `mask`.' },
} as const;

export const GENERATION_BODY: RequestBody = {
  required: true,
  content: {
    'application/json': {
      schema: { $ref: getSchemaPath(ImageGenerationRequest) },
      examples: {
        simple: { summary: 'Words only', value: { model: 'mock/paint', prompt: 'a red fox under a teal sky' } },
        several: {
          summary: 'Two pictures as base64',
          value: { model: 'mock/paint', prompt: 'a red fox', n: 2, size: '512x512', quality: 'low', response_format: 'b64_json' },
        },
        lax: {
          summary: 'Whatever the model does not take is mapped or dropped',
          value: { model: 'mock/paint', prompt: 'a red fox', size: '1000x1000', style: 'vivid', strict: false },
        },
        stream: {
          summary: 'A stream with partial images',
          value: { model: 'mock/paint', prompt: 'a red fox', size: '256x256', stream: true, partial_images: 2 },
        },
      },
    },
    'multipart/form-data': formBodies(ImageGenerationRequest, FORM_FIELDS, IMAGE_FILES),
  },
};

export const EDIT_BODY: RequestBody = {
  required: true,
  content: {
    'multipart/form-data': formBodies(ImageEditRequest, FORM_FIELDS, IMAGE_FILES),
    'application/json': {
      schema: { $ref: getSchemaPath(ImageEditRequest) },
      examples: {
        data: {
          summary: 'A picture in the request',
          value: {
            model: 'mock/paint',
            prompt: 'add a moon',
            size: '256x256',
            images: [
              {
                image_url:
                  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
              },
            ],
          },
        },
      },
    },
  },
};

const { prompt: _prompt, ...WORDLESS_FIELDS } = FORM_FIELDS;

export const VARIATION_BODY: RequestBody = {
  required: true,
  content: {
    'multipart/form-data': formBodies(
      ImageEditRequest,
      { ...WORDLESS_FIELDS, model: { type: 'string', minLength: 1, example: 'mock/variation' } },
      { image: IMAGE_FILES.image },
    ),
    'application/json': { schema: { $ref: getSchemaPath(ImageEditRequest) } },
  },
};

export const STREAM_DESCRIPTION =
  'With `"stream": true` the answer is `text/event-stream`: `image_generation.partial_image` events (`image_edit.…` on edits) with ' +
  '`b64_json`, `created_at`, `size`, `quality`, `background`, `output_format` and `partial_image_index`, then one ' +
  '`image_generation.completed` for each picture, the last with the `usage` of all; or one `error` with the usual envelope.';
