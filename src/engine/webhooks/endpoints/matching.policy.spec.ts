import { describe, expect, it } from 'vitest';
import { recipientsOf, requestTargetOf } from './matching.policy.js';
import { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import { DEFAULT_EVENT_TYPES, type EventType } from './webhooks.types.js';

function endpoint(change: Partial<WebhookEndpointEntity>): WebhookEndpointEntity {
  return Object.assign(new WebhookEndpointEntity(), {
    kind: 'application',
    keyId: null,
    url: 'https://example.com/hooks',
    eventTypes: [...DEFAULT_EVENT_TYPES],
    allowRequestUrls: false,
    disabledAt: null,
    ...change,
  });
}

const COMPLETED = { type: 'generation.completed', keyId: 'key-1' } as const;

describe('recipients', () => {
  it('are the application’s endpoints and those of the key, for the events they asked for', () => {
    const all = endpoint({ id: 'all' });
    const endpoints = [
      all,
      endpoint({ id: 'mine', kind: 'key', keyId: 'key-1' }),
      endpoint({ id: 'url', kind: 'key_url', keyId: 'key-1' }),
      endpoint({ id: 'foreign', kind: 'key', keyId: 'key-2' }),
      endpoint({ id: 'deaf', eventTypes: ['generation.failed'] }),
      endpoint({ id: 'off', disabledAt: 1 }),
    ];
    const ids = (event: Parameters<typeof recipientsOf>[1]) => recipientsOf(endpoints, event).map(({ endpoint: { id } }) => id);
    expect(ids(COMPLETED)).toEqual(['all', 'mine', 'url']);
    expect(ids({ ...COMPLETED, keyId: null })).toEqual(['all']);
    expect(ids({ ...COMPLETED, type: 'generation.progress' })).toEqual([]);
  });

  it('take a URL of the request only from its own origin and only where that is allowed', () => {
    const open = endpoint({ id: 'open', allowRequestUrls: true });
    const closed = endpoint({ id: 'closed' });
    const urls = (url: string) => recipientsOf([closed, open], { ...COMPLETED, request: { url } }).map((recipient) => recipient.url);
    expect(urls('https://example.com/orders/7')).toEqual([null, 'https://example.com/orders/7']);
    for (const refused of ['https://example.org/orders/7', 'http://example.com/orders/7', 'https://example.com:8443/', 'nonsense']) {
      expect(urls(refused)).toEqual([null, null]);
    }
  });

  it('read the URL where the request’s metadata has it', () => {
    const named = { webhookUrl: null, webhookEvents: null };
    expect(requestTargetOf({ ...named, metadata: { webhook_url: 'https://example.com/x' } })).toEqual({ url: 'https://example.com/x' });
    expect(requestTargetOf({ ...named, metadata: { webhook_url: 7 } })).toBeUndefined();
    expect(requestTargetOf({ ...named, metadata: null })).toBeUndefined();
  });

  it('get what a request asks for at its own URL, also what they do not hear, and the rest as ever', () => {
    const host = endpoint({ id: 'host', allowRequestUrls: true, eventTypes: ['generation.completed', 'generation.failed'] });
    const url = 'https://example.com/orders/7';
    const request = { url, events: ['generation.completed', 'generation.progress'] } as const;
    const urls = (type: EventType) => recipientsOf([host], { type, keyId: 'key-1', request }).map((recipient) => recipient.url);
    expect(urls('generation.completed')).toEqual([url]);
    expect(urls('generation.progress')).toEqual([url]);
    expect(urls('generation.failed')).toEqual([null]);
    expect(urls('generation.cancelled')).toEqual([]);
  });
});
