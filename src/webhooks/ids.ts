import { randomHex } from '../common/index.js';

/** `msg`: an event · `we`: an endpoint · `wd`: an event on its way to an endpoint · `wa`: one attempt of that. */
export type WebhookIdPrefix = 'msg' | 'we' | 'wd' | 'wa';

/** A prefix and 128 random bits in hex, in the form that Standard Webhooks shows. It carries no meaning, and no full stop. */
export function newWebhookId(prefix: WebhookIdPrefix): string {
  return `${prefix}_${randomHex()}`;
}
