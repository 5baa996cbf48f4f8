import { orderedHex } from '../../../platform/common/index.js';

/** `msg`: an event · `we`: an endpoint · `wd`: an event on its way to an endpoint · `wa`: one attempt of that. */
export type WebhookIdPrefix = 'msg' | 'we' | 'wd' | 'wa';

/** A prefix and hexadecimal digits, in the form that Standard Webhooks shows. It has no full stop. */
export function newWebhookId(prefix: WebhookIdPrefix): string {
  return `${prefix}_${orderedHex()}`;
}
