import { ApiError } from '../../platform/common/index.js';

const EVENT_STREAM = 'text/event-stream';
const FITTING = new Set([EVENT_STREAM, 'text/*', '*/*']);

/** @throws ApiError `not_acceptable` when the header leaves event streams out */
export function checkAcceptsEvents(accept: string | undefined): void {
  if (accept === undefined || accept.trim() === '') return;
  const accepted = accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return FITTING.has(type) && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
  if (accepted) return;
  throw new ApiError('not_acceptable', `This route answers with ${EVENT_STREAM}; GET /v1/generations/{id} answers with JSON.`, {
    param: 'accept',
    accepted: [EVENT_STREAM],
  });
}
