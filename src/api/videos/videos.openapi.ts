import { getSchemaPath } from '../../platform/openapi/index.js';
import { formBodies, type RequestBody } from '../shared/index.js';
import { VideoGenerationRequest, VideoRemixRequest } from './dto/video-request.dto.js';

const FORM_FIELDS = {
  model: { type: 'string', minLength: 1, example: 'mock/clip' },
  prompt: { type: 'string', example: 'a red ball rolls to the right' },
  seconds: { type: 'string', example: '2' },
  size: { type: 'string', example: '320x180' },
};

const FILES = {
  input_reference: { description: 'A picture to start from.' },
  'input_reference[]': { description: 'Several pictures.', several: true },
} as const;

export const REMIX_BODY: RequestBody = {
  required: true,
  content: {
    'application/json': { schema: { $ref: getSchemaPath(VideoRemixRequest) } },
    'multipart/form-data': { schema: { $ref: getSchemaPath(VideoRemixRequest) } },
  },
};

export const VIDEO_BODY: RequestBody = {
  required: true,
  content: {
    'application/json': {
      schema: { $ref: getSchemaPath(VideoGenerationRequest) },
      examples: {
        simple: {
          summary: 'Words only',
          value: { model: 'mock/clip', prompt: 'a red ball rolls to the right', duration_seconds: 2, size: '320x180' },
        },
        slow: {
          summary: 'One that takes three seconds',
          value: { model: 'mock/clip', prompt: 'a red ball [mock latency=3s progress]', seconds: '1' },
        },
      },
    },
    'multipart/form-data': formBodies(VideoGenerationRequest, FORM_FIELDS, FILES),
  },
};
