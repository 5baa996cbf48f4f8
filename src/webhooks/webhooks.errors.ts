import { ApiError, type ErrorBody } from '../common/index.js';

/** LiteGen's contract has a code of its own for a key that names no URL. */
export class NoWebhookConfigured extends ApiError {
  constructor() {
    super('invalid_query', 'This API key has no webhook_url.', { param: 'webhook_url' });
  }

  override toBody(requestId?: string): ErrorBody {
    const { error } = super.toBody(requestId);
    return { error: { ...error, code: 'no_webhook_configured' } };
  }
}
