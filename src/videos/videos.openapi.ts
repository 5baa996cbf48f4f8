import { getSchemaPath } from '@nestjs/swagger';
import { documentForm, formSchema, type RequestBody } from '../doors/index.js';
import { VideoGenerationRequest } from './dto/video-request.dto.js';

const FILE = { type: 'string', format: 'binary' };

const FORM_FIELDS = {
  model: { type: 'string', example: 'mock/clip' },
  prompt: { type: 'string', example: 'a red ball rolls to the right' },
  seconds: { type: 'string', example: '2' },
  size: { type: 'string', example: '320x180' },
};

const FILES = {
  input_reference: { ...FILE, description: 'A picture to start from.' },
  'input_reference[]': { type: 'array', items: FILE, description: 'Several pictures.' },
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
    'multipart/form-data': { schema: { oneOf: [formSchema(FORM_FIELDS, FILES), documentForm(VideoGenerationRequest)] } },
  },
};
