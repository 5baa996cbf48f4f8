import OpenAI from 'openai';
import { VERSION } from 'openai/version';
import { Webhook } from 'standardwebhooks';
import standardWebhooks from 'standardwebhooks/package.json' with { type: 'json' };
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, until } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { type Received, receiver } from '../webhooks/receiver.js';
import { client } from './table.js';

const KEY = 'test-master-key-0123456789';

/** What libraries for receivers make of an event as it was delivered. */
const LIBRARIES = [
  {
    ...client('Webhook', 'standardwebhooks', standardWebhooks.version, '`verify`'),
    library: 'standardwebhooks',
    verify: async (secret: string, body: string, headers: Record<string, string>) => new Webhook(secret).verify(body, headers),
  },
  {
    ...client('OpenAI', 'openai', VERSION, '`webhooks.unwrap`'),
    library: 'openai',
    verify: (secret: string, body: string, headers: Record<string, string>) =>
      new OpenAI({ apiKey: 'unused' }).webhooks.unwrap(body, headers, secret) as Promise<unknown>,
  },
];

describe('a delivered event', () => {
  const home = receiver();
  let gateway: Gateway;
  let secret: string;
  let generation: string;
  let event: Received;

  beforeAll(async () => {
    gateway = await startGateway({ yaml: `egress: { allow: ['${home.allowed}'] }`, env: { LITEGEN__MASTER_KEY: KEY } });
    const caller = new Client(gateway.url, KEY);
    ({ secret } = await caller.read<{ secret: string }>('/v1/webhooks/endpoints', { body: { url: home.url } }));
    const image = await caller.image({ model: 'mock/paint', prompt: 'a naïve fox ✓', size: '256x256' });
    generation = image.json<{ id: string }>().id;
    event = await until(() => home.received[0]);
  });

  afterAll(async () => {
    await gateway?.stop();
  });

  for (const { library, meta, verify } of LIBRARIES) {
    it(`is genuine to ${library}, and nothing else is`, { meta }, async () => {
      const headers = event.headers as Record<string, string>;
      expect(await verify(secret, event.body, headers)).toMatchObject({ type: 'generation.completed', data: { id: generation } });
      for (const [body, altered] of [
        [`${event.body} `, headers],
        [event.body, { ...headers, 'webhook-id': 'msg_other' }],
        [event.body, { ...headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 3600) }],
      ] as const) {
        await expect(verify(secret, body, altered)).rejects.toThrow();
      }
    });
  }
});
