import { type Charged, ProviderError } from '@litegen/plugin-sdk';
import { ApiError } from '../../../platform/common/index.js';
import { EgressError } from '../../../platform/security/index.js';
import { UnreadableBody } from './unreadable.js';

/** No response came. What was never sent cannot cost anything; a submission that was sent may have been accepted. */
export function requestFailure(error: EgressError, submits: boolean): ProviderError {
  const details = { charged: (error.sent && submits ? 'unknown' : 'no') as Charged, cause: error };
  switch (error.kind) {
    case 'blocked':
    case 'too_large':
      return new ProviderError('internal', error.message, details);
    case 'headers_timeout':
    case 'body_timeout':
    case 'total_timeout':
    case 'aborted':
      return new ProviderError('timeout', error.message, details);
    case 'dns':
    case 'connect':
    case 'tls':
    case 'reset':
      return new ProviderError('unavailable', error.message, details);
  }
}

/** A response came, and its body could not be used. Failures of the gateway's own store are passed on as they are. */
export function bodyFailure(error: unknown, status: number, charged: Charged): unknown {
  const details = { charged, vendorStatus: status, cause: error };
  const broken = (what: string): ProviderError =>
    new ProviderError('invalid_response', `the vendor answered ${status}, but ${what}`, details);
  if (error instanceof UnreadableBody) return broken(error.message);
  if (error instanceof ApiError) return error.code === 'body_too_large' ? broken('a file in it exceeds the cap') : error;
  if (!(error instanceof EgressError)) return broken('its body cannot be read');
  switch (error.kind) {
    case 'aborted':
    case 'body_timeout':
    case 'total_timeout':
      return new ProviderError('timeout', error.message, details);
    case 'too_large':
      return broken(error.message.replace(/^the response/, 'its body'));
    default:
      return broken('its body was cut short');
  }
}
