import { ApiError } from '../common/index.js';
import { EgressError } from './egress.errors.js';
import type { EgressService } from './egress.service.js';

/** An early answer; every delivery is judged again, with the addresses that the name has then. @throws ApiError `url_blocked` */
export function checkUrl(egress: EgressService, url: string, param: string): void {
  try {
    egress.check(url, { kind: 'public' });
  } catch (error) {
    if (error instanceof EgressError) throw new ApiError('url_blocked', `The URL may not be called: ${error.message}.`, { param });
    throw error;
  }
}
