import { ApiError, isBrokenCoding } from '../../platform/common/index.js';

/** A failure while a form was read, as the caller sees it: what the caller sent too much of is 413, what cannot be read is malformed. */
export function formError(thrown: unknown): unknown {
  if (thrown instanceof ApiError) {
    if (thrown.code !== 'reference_too_large') return thrown;
    return new ApiError('body_too_large', thrown.message, thrown.details);
  }
  if (isBrokenCoding(thrown)) {
    return new ApiError('invalid_encoding', 'The form does not match its Content-Encoding.', {
      param: 'content-encoding',
      cause: thrown,
    });
  }
  const { statusCode, message } = thrown as { statusCode?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : String(thrown);
  if (statusCode === 413) return new ApiError('body_too_large', `The form has too many or too large parts: ${text}.`, { cause: thrown });
  return new ApiError('malformed_multipart', `The form cannot be read: ${text}.`, { cause: thrown });
}
