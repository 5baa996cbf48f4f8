import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_TENANT } from '../../src/domain/access/index.js';
import { CLOCK_SLACK_MS } from '../../src/platform/common/index.js';
import { Database, rows } from '../../src/platform/database/index.js';
import { until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { answering, receiver } from './receiver.js';
import { isGenuine, isLitegenSignature } from './verify.js';
import { type Endpoint, WebhooksApplication } from './webhooks-application.js';

interface KeySet {
  readonly keys: readonly (JsonWebKey & { readonly kid: string; readonly x: string })[];
}

interface KeyDeliveries {
  readonly data: readonly {
    readonly id: string;
    readonly key_id: string;
    readonly generation_id: string | null;
    readonly attempt_number: number;
    readonly status_code: number | null;
    readonly success: boolean;
    readonly response_body: string | null;
    readonly error_message: string | null;
    readonly payload_json: string;
  }[];
  readonly total: number;
}

describe.each(databases())('webhook APIs on $name', ({ url }) => {
  const home = receiver();
  const moved = receiver();
  let gateway: WebhooksApplication;

  beforeAll(async () => {
    gateway = await WebhooksApplication.start(url, [home, moved], { rotation_grace_seconds: 600 });
  });

  beforeEach(async () => {
    await gateway.clear();
    for (const one of [home, moved]) {
      one.received.length = 0;
      one.answer = answering(204);
    }
  });

  const list = async () => (await gateway.done<{ data: Endpoint[] }>('GET', '/v1/webhooks/endpoints')).data;
  const test = (id: string) => gateway.done<{ delivered: boolean }>('POST', `/v1/webhooks/endpoints/${id}/test`);
  const keySet = (query: string) => gateway.done<KeySet>('GET', `/.well-known/litegen-webhooks.json${query}`);

  it('make, show, change and remove endpoints', async () => {
    const made = await gateway.endpoint({ url: home.url, description: 'shop' });
    const { secret, ...shown } = made;
    expect(await gateway.shown(made.id)).toEqual(shown);
    expect(await gateway.done('GET', `/v1/webhooks/endpoints/${made.id}/secret`)).toEqual({ secret, public_key: null });
    const patched = await gateway.done<Endpoint>('PATCH', `/v1/webhooks/endpoints/${made.id}`, {
      url: moved.url,
      event_types: ['generation.failed'],
    });
    expect(patched).toMatchObject({ url: moved.url, event_types: ['generation.failed'], description: 'shop' });
    expect(await test(made.id)).toMatchObject({ delivered: true, status_code: 204, error: null });
    expect(moved.received).toHaveLength(1);
    expect(await gateway.done('DELETE', `/v1/webhooks/endpoints/${made.id}`)).toEqual({ deleted: true });
    expect((await gateway.call('GET', `/v1/webhooks/endpoints/${made.id}`)).status).toBe(404);
    expect((await list()).map(({ id }) => id)).not.toContain(made.id);
  });

  it('refuse what cannot work', async () => {
    const refused = async (body: object) =>
      (await gateway.call<{ error: { code: string } }>('POST', '/v1/webhooks/endpoints', body)).body.error.code;
    expect(await refused({ url: 'http://169.254.169.254/latest/meta-data' })).toBe('url_blocked');
    expect(await refused({ url: 'http://user:password@example.com/' })).toBe('url_blocked');
    expect(await refused({ url: 'ftp://example.com/' })).toBe('param_invalid_type');
    expect(await refused({ url: home.url, event_types: ['generation.exploded'] })).toBe('param_enum_mismatch');
    expect(await refused({ url: home.url, key_id: 'never-was' })).toBe('not_found');
    expect(await refused({ url: home.url, secret: 'mine' })).toBe('param_unsupported');
  });

  it('store no secret as it is', async () => {
    const { id, secret } = await gateway.endpoint({ url: home.url });
    const [row] = await rows<Record<string, unknown>>(gateway.app.get(Database).manager, 'SELECT * FROM webhook_endpoints WHERE id = :id', {
      id,
    });
    const raw = secret.slice('whsec_'.length);
    for (const form of [raw, Buffer.from(raw, 'base64').toString('base64url'), Buffer.from(raw, 'base64').toString('hex')]) {
      expect(JSON.stringify(row)).not.toContain(form);
    }
  });

  it('rotate a secret: both sign while the grace lasts, the new one alone without grace', async () => {
    const first = await gateway.endpoint({ url: home.url });
    const second = await gateway.done<Endpoint & { previous_secret_expires_at: string }>(
      'POST',
      `/v1/webhooks/endpoints/${first.id}/rotate-secret`,
    );
    expect(second.secret).not.toBe(first.secret);
    const graceMs = Date.parse(second.previous_secret_expires_at) - Date.now();
    expect(graceMs).toBeGreaterThan(500_000);
    expect(graceMs).toBeLessThanOrEqual(600_000 + CLOCK_SLACK_MS);
    await test(first.id);
    const [both] = home.received;
    for (const { secret } of [first, second]) expect(isGenuine(secret, both?.headers ?? {}, both?.body ?? '')).toBe(true);
    expect(isLitegenSignature(second.secret, both?.headers['x-litegen-signature'], both?.body ?? '')).toBe(true);
    expect(isLitegenSignature(first.secret, both?.headers['x-litegen-signature-previous'], both?.body ?? '')).toBe(true);

    const third = await gateway.done<Endpoint>('POST', `/v1/webhooks/endpoints/${first.id}/rotate-secret`, { grace_seconds: 0 });
    await test(first.id);
    const alone = home.received[1];
    expect(isGenuine(third.secret, alone?.headers ?? {}, alone?.body ?? '')).toBe(true);
    for (const { secret } of [first, second]) expect(isGenuine(secret, alone?.headers ?? {}, alone?.body ?? '')).toBe(false);
  });

  it('sign with Ed25519 and publish the keys of an endpoint, during a rotation both', async () => {
    const made = await gateway.endpoint({ url: home.url, algorithm: 'ed25519' });
    const other = await gateway.endpoint({ url: home.url, algorithm: 'ed25519' });
    expect(made).toMatchObject({ secret: null, public_key: expect.stringMatching(/^whpk_/) });
    await test(made.id);
    const [sent] = home.received;
    expect(isGenuine(made.public_key ?? '', sent?.headers ?? {}, sent?.body ?? '')).toBe(true);
    expect(isGenuine(other.public_key ?? '', sent?.headers ?? {}, sent?.body ?? '')).toBe(false);
    expect(sent?.headers['x-litegen-signature']).toBeUndefined();

    const { keys } = await keySet(`?endpoint=${made.id}`);
    expect(keys.map(({ kid }) => kid)).toEqual([made.public_key_id]);
    const [, signature = ''] = String(sent?.headers['webhook-signature']).split(',');
    const content = `${String(sent?.headers['webhook-id'])}.${String(sent?.headers['webhook-timestamp'])}.${sent?.body}`;
    const [jwk] = keys;
    expect(verify(null, Buffer.from(content), createPublicKey({ key: jwk ?? {}, format: 'jwk' }), Buffer.from(signature, 'base64'))).toBe(
      true,
    );
    expect((await keySet('')).keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining([made.public_key_id, other.public_key_id]));

    const rotated = await gateway.done<Endpoint>('POST', `/v1/webhooks/endpoints/${made.id}/rotate-secret`);
    const during = (await keySet(`?endpoint=${made.id}`)).keys.map(({ kid }) => kid);
    expect(during.sort()).toEqual([made.public_key_id, rotated.public_key_id].sort());
    await test(made.id);
    const both = home.received[1];
    for (const key of [made, rotated]) expect(isGenuine(key.public_key ?? '', both?.headers ?? {}, both?.body ?? '')).toBe(true);
  });

  it('keep an endpoint for the webhook_url of a key, with a secret of its own, and log as LiteGen does', async () => {
    const { id: keyId, key } = await gateway.key({ webhook_url: home.url });
    const implicit = (await list()).find(({ key_id: owner }) => owner === keyId);
    expect(implicit).toMatchObject({ kind: 'key_url', url: home.url });
    const { secret } = await gateway.done<{ secret: string }>('GET', `/v1/webhooks/endpoints/${implicit?.id}/secret`);

    const tested = await gateway.done('POST', `/v1/keys/${keyId}/test-webhook`);
    expect(tested).toMatchObject({ delivered: true, status_code: 204, error: null });
    const [trial] = home.received;
    expect(JSON.parse(trial?.body ?? '')).toMatchObject({
      id: expect.stringMatching(/^webhook-test-[0-9a-f-]{36}$/),
      key_id: keyId,
      model: 'test/webhook',
      provider: 'test',
      status: 'completed',
      progress: 100,
      result_url: 'https://example.com/test.mp4',
    });
    expect(isLitegenSignature(secret, trial?.headers['x-litegen-signature'], trial?.body ?? '')).toBe(true);

    home.answer = (response, { headers }) =>
      home.received.length === 2
        ? response.writeHead(500).end(`you sent ${String(headers['x-litegen-signature'])} and ${secret}`)
        : response.writeHead(200).end();
    const generationId = await gateway.picture({}, key);
    const log = () => gateway.done<KeyDeliveries>('GET', `/v1/keys/${keyId}/webhook-deliveries?page=1&per_page=20`);
    const { data } = await until(async () => {
      const found = await log();
      return found.total === 2 && found;
    });
    const [second, first] = data;
    expect([first, second]).toMatchObject([
      {
        key_id: keyId,
        generation_id: generationId,
        attempt_number: 1,
        status_code: 500,
        success: false,
        error_message: expect.any(String),
      },
      { key_id: keyId, generation_id: generationId, attempt_number: 2, status_code: 200, success: true, error_message: null },
    ]);
    expect(first?.response_body).toContain('you sent');
    expect(first?.response_body).not.toContain(secret);
    expect(JSON.parse(first?.payload_json ?? '')).toMatchObject({ id: generationId, status: 'completed' });

    await gateway.done('PATCH', `/v1/keys/${keyId}`, { webhook_url: moved.url });
    expect(await gateway.done('POST', `/v1/keys/${keyId}/test-webhook`)).toMatchObject({ delivered: true });
    expect(moved.received).toHaveLength(1);
    expect(isLitegenSignature(secret, moved.received[0]?.headers['x-litegen-signature'], moved.received[0]?.body ?? '')).toBe(true);
    expect((await gateway.call('DELETE', `/v1/webhooks/endpoints/${implicit?.id}`)).status).toBe(409);
    await gateway.done('PATCH', `/v1/keys/${keyId}`, { webhook_url: null });
    expect(await gateway.call('POST', `/v1/keys/${keyId}/test-webhook`)).toMatchObject({
      status: 400,
      body: { error: { code: 'no_webhook_configured' } },
    });
    expect((await list()).map(({ id }) => id)).not.toContain(implicit?.id);
  });

  it('say of a test what went wrong', async () => {
    const broken = await gateway.endpoint({ url: home.url });
    home.answer = answering(503, {}, 'no. '.repeat(3_000));
    const answer = await gateway.done<{ response_body: string }>('POST', `/v1/webhooks/endpoints/${broken.id}/test`);
    expect(answer).toMatchObject({ delivered: false, status_code: 503, error: 'the receiver answered 503' });
    expect(answer.response_body).toHaveLength(4096);
    await gateway.done('PATCH', `/v1/webhooks/endpoints/${broken.id}`, { url: 'https://localhost/' });
    expect(await gateway.done('POST', `/v1/webhooks/endpoints/${broken.id}/test`)).toMatchObject({
      delivered: false,
      status_code: null,
      error: 'the address of localhost is not a public one',
    });
  });

  it('end at the tenant', async () => {
    const endpoint = await gateway.endpoint({ url: home.url });
    await gateway.picture();
    const [delivery] = await until(async () => {
      const found = await gateway.deliveries(endpoint.id, '?state=delivered');
      return found.length > 0 && found;
    });
    const { id: keyId } = await gateway.key({ webhook_url: home.url });
    const { key } = await gateway.key({});
    await gateway.app.get(Database).write(async (manager) => {
      const now = Date.now();
      await rows(
        manager,
        `INSERT INTO applications (id, org_id, name, slug, created_at, updated_at) VALUES ('app-b', :org, 'B', 'b', :now, :now) RETURNING id`,
        { org: DEFAULT_TENANT.orgId, now },
      );
      await rows(manager, "UPDATE api_keys SET app_id = 'app-b' WHERE key_prefix = :prefix RETURNING id", { prefix: key.slice(0, 16) });
    });
    const foreign: [method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string][] = [
      ['GET', `/v1/webhooks/endpoints/${endpoint.id}`],
      ['PATCH', `/v1/webhooks/endpoints/${endpoint.id}`],
      ['DELETE', `/v1/webhooks/endpoints/${endpoint.id}`],
      ['GET', `/v1/webhooks/endpoints/${endpoint.id}/secret`],
      ['POST', `/v1/webhooks/endpoints/${endpoint.id}/rotate-secret`],
      ['POST', `/v1/webhooks/endpoints/${endpoint.id}/test`],
      ['GET', `/v1/webhooks/endpoints/${endpoint.id}/deliveries`],
      ['POST', `/v1/webhooks/endpoints/${endpoint.id}/redeliver`],
      ['GET', `/v1/webhooks/deliveries/${delivery?.id}`],
      ['POST', `/v1/webhooks/deliveries/${delivery?.id}/redeliver`],
      ['POST', `/v1/keys/${keyId}/test-webhook`],
      ['GET', `/v1/keys/${keyId}/webhook-deliveries`],
    ];
    for (const [method, path] of foreign) expect([path, (await gateway.call(method, path, {}, key)).status]).toEqual([path, 404]);
    expect((await gateway.call('POST', '/v1/webhooks/endpoints', { url: home.url, key_id: keyId }, key)).status).toBe(404);
    expect(await gateway.done('GET', '/v1/webhooks/endpoints', undefined, key)).toMatchObject({ data: [] });
    await gateway.picture({}, key);
    expect((await gateway.deliveries(endpoint.id)).map(({ generation_id: id }) => id)).toEqual([delivery?.generation_id]);
  });
});
