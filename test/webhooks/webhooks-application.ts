import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Settings, type TestApplication, testApplication } from '../support/application.js';
import type { Receiver } from './receiver.js';

export const MASTER_KEY = 'a-master-key-for-webhooks';

export interface Endpoint {
  readonly id: string;
  readonly kind: string;
  readonly key_id: string | null;
  readonly url: string;
  readonly secret: string;
  readonly public_key: string | null;
  readonly public_key_id: string | null;
  readonly disabled_at: string | null;
  readonly disabled_reason: string | null;
  readonly consecutive_failures: number;
  readonly paused_until: string | null;
}

export interface Delivery {
  readonly id: string;
  readonly message_id: string;
  readonly type: string;
  readonly generation_id: string | null;
  readonly state: string;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  readonly last_status: number | null;
  readonly last_error: string | null;
}

export interface DeliveryDetail extends Delivery {
  readonly payload: string;
  readonly attempt_log: readonly {
    readonly ordinal: number;
    readonly url: string;
    readonly status: number | null;
    readonly success: boolean;
    readonly response_body: string | null;
    readonly error: string | null;
  }[];
}

export interface Called<T> {
  readonly status: number;
  readonly body: T;
}

/** The whole application with quick retries, and its routes. */
export class WebhooksApplication {
  private constructor(readonly running: TestApplication) {}

  static async start(
    databaseUrl: string,
    receivers: readonly Receiver[],
    webhooks: Settings = {},
    more: Settings = {},
  ): Promise<WebhooksApplication> {
    const settings = {
      master_key: MASTER_KEY,
      engine: { tick_ms: 50 },
      egress: { allow: receivers.map(({ allowed }) => allowed) },
      // Injected requests have no connection that lasts, so equal ones would count as repetitions.
      idempotency: { duplicate_guard_seconds: 0 },
      webhooks: { retry_schedule_seconds: [0.05, 0.05], breaker_failures: 1000, ...webhooks },
      ...more,
    };
    return new WebhooksApplication(await testApplication(databaseUrl, settings));
  }

  get app(): NestFastifyApplication {
    return this.running.app;
  }

  async call<T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: object, key = MASTER_KEY): Promise<Called<T>> {
    const answer = await this.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${key}` },
      ...(method === 'GET' || method === 'DELETE' ? {} : { payload: body ?? {} }),
    });
    return { status: answer.statusCode, body: answer.json<T>() };
  }

  /** @throws Error unless the answer is a 2xx. */
  async done<T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: object, key = MASTER_KEY): Promise<T> {
    const answer = await this.call<T>(method, url, body, key);
    if (answer.status >= 300) throw new Error(`${method} ${url} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  endpoint(fields: object): Promise<Endpoint> {
    return this.done('POST', '/v1/webhooks/endpoints', fields);
  }

  /** Removes all endpoints but those of keys' own URLs. */
  async clear(): Promise<void> {
    const { data } = await this.done<{ data: Endpoint[] }>('GET', '/v1/webhooks/endpoints');
    for (const { id, kind } of data) if (kind !== 'key_url') await this.done('DELETE', `/v1/webhooks/endpoints/${id}`);
  }

  shown(id: string): Promise<Endpoint> {
    return this.done('GET', `/v1/webhooks/endpoints/${id}`);
  }

  async deliveries(endpointId: string, query = ''): Promise<Delivery[]> {
    return (await this.done<{ data: Delivery[] }>('GET', `/v1/webhooks/endpoints/${endpointId}/deliveries${query}`)).data;
  }

  delivery(id: string): Promise<DeliveryDetail> {
    return this.done('GET', `/v1/webhooks/deliveries/${id}`);
  }

  key(fields: object): Promise<{ id: string; key: string }> {
    return this.done('POST', '/v1/keys', { name: 'webhooks', scopes: 'generate,read,admin', ...fields });
  }

  /** A picture that is finished when this returns; answers its generation's id. */
  async picture(fields: object = {}, key = MASTER_KEY): Promise<string> {
    const answer = await this.app.inject({
      method: 'POST',
      url: '/v1/images/generations',
      headers: { authorization: `Bearer ${key}` },
      payload: { model: 'mock/paint', prompt: 'a red fox', size: '256x256', ...fields },
    });
    return String(answer.headers['x-litegen-generation-id'] ?? answer.json<{ error: { generation_id: string } }>().error.generation_id);
  }

  /** A video that is under way; answers its generation's id. */
  async video(prompt: string, key = MASTER_KEY): Promise<string> {
    const headers = { authorization: `Bearer ${key}`, prefer: 'respond-async' };
    const answer = await this.app.inject({
      method: 'POST',
      url: '/v1/videos',
      headers,
      payload: { model: 'mock/clip', prompt, seconds: '1' },
    });
    return answer.json<{ id: string }>().id;
  }
}
