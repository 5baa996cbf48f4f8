import { ApiExtension } from '../../openapi/index.js';

export const OPEN_BODY = 'x-open-body';

/** For bodies that may hold more than their schema names. Every other is refused with what it does not name, and its schema says so. */
export function OpenBody(): ClassDecorator {
  return ApiExtension(OPEN_BODY, true);
}
