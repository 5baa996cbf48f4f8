import { applyDecorators } from '@nestjs/common';
import { ApiErrors } from '../../platform/common/index.js';
import { ApiHeader, ApiOkResponse, ApiResponse } from '../../platform/openapi/index.js';

const TEXT = { type: 'string' } as const;
const CONTENT = { '*/*': { schema: { ...TEXT, format: 'binary' } } };
const HEADERS = {
  etag: { description: 'Of the file’s bytes.', schema: TEXT },
  'accept-ranges': { description: '`bytes`.', schema: TEXT },
  'content-disposition': { description: 'A name to save it under.', schema: TEXT },
};

/** How routes answer that send a stored file by `sendBlob`. */
export function ApiFileAnswers(): MethodDecorator {
  return applyDecorators(
    ApiHeader({ name: 'range', required: false, description: 'One range of bytes, such as `bytes=0-1023`.', schema: TEXT }),
    ApiHeader({ name: 'if-none-match', required: false, description: 'The `ETag` of what is there already.', schema: TEXT }),
    ApiOkResponse({ description: 'The file.', content: CONTENT, headers: HEADERS }),
    ApiResponse({
      status: 206,
      description: 'The range that was asked for.',
      content: CONTENT,
      headers: { ...HEADERS, 'content-range': { description: 'Which bytes of how many.', schema: TEXT } },
    }),
    ApiResponse({ status: 304, description: 'The caller has the file already.', headers: { etag: HEADERS.etag } }),
    ApiErrors(404, 416),
  );
}
