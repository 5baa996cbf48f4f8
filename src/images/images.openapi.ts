import { getSchemaPath } from '@nestjs/swagger';
import { documentForm, formSchema, type RequestBody } from '../doors/index.js';
import { ImageEditRequest, ImageGenerationRequest } from './dto/image-request.dto.js';

const FILE = { type: 'string', format: 'binary' };

const FORM_FIELDS = {
  model: { type: 'string', example: 'mock/paint' },
  prompt: { type: 'string', example: 'add a moon' },
  n: { type: 'integer', example: 1 },
  size: { type: 'string', example: '512x512' },
  quality: { type: 'string' },
  background: { type: 'string' },
  output_format: { type: 'string' },
  response_format: { type: 'string', enum: ['url', 'b64_json'] },
  stream: { type: 'boolean' },
  partial_images: { type: 'integer' },
};

const IMAGE_FILES = {
  image: { ...FILE, description: 'The picture to work from.' },
  'image[]': { type: 'array', items: FILE, description: 'Several pictures; both names together are one list.' },
  mask: { ...FILE, description: 'A mask with the role `mask`.' },
};

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
    'multipart/form-data': { schema: { oneOf: [formSchema(FORM_FIELDS, IMAGE_FILES), documentForm(ImageGenerationRequest)] } },
  },
};

export const EDIT_BODY: RequestBody = {
  required: true,
  content: {
    'multipart/form-data': { schema: { oneOf: [formSchema(FORM_FIELDS, IMAGE_FILES), documentForm(ImageEditRequest)] } },
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

export const STREAM_DESCRIPTION =
  'With `"stream": true` the answer is `text/event-stream`: `image_generation.partial_image` events (`image_edit.…` on edits) with ' +
  '`b64_json`, `created_at`, `size`, `quality`, `background`, `output_format` and `partial_image_index`, then one ' +
  '`image_generation.completed` for each picture, the last with the `usage` of all; or one `error` with the usual envelope.';
