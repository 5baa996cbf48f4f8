import { Webhook } from 'standardwebhooks';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { answering, receiver } from './receiver.js';
import { isGenuine, isLitegenSignature } from './verify.js';
import { MASTER_KEY, WebhooksApplication } from './webhooks-application.js';

interface Body {
  readonly type: string;
  readonly timestamp: string;
  readonly id: string;
  readonly status: string;
  readonly key_id: string | null;
  readonly result_url: string | null;
  readonly provider_job_id: string | null;
  readonly data: { readonly id: string; readonly outputs: readonly { url: string }[]; readonly progress: number };
}

describe.each(databases())('webhooks on $name', ({ url }) => {
  const home = receiver();
  const second = receiver();
  let gateway: WebhooksApplication;

  beforeAll(async () => {
    gateway = await WebhooksApplication.start(url, [home, second]);
  });

  beforeEach(async () => {
    await gateway.clear();
    for (const one of [home, second]) {
      one.received.length = 0;
      one.answer = answering(204);
    }
  });

  it('announces a finished picture once, signed in both ways, with a link that works', async () => {
    const { id, secret } = await gateway.endpoint({ url: home.url });
    expect(secret).toMatch(/^whsec_/);
    const generationId = await gateway.picture();
    const [sent] = await until(() => home.received.length > 0 && home.received);
    const body = JSON.parse(sent?.body ?? '') as Body;
    expect(body).toMatchObject({ type: 'generation.completed', id: generationId, status: 'completed', data: { id: generationId } });
    expect(sent?.headers['webhook-id']).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(isGenuine(secret, sent?.headers ?? {}, sent?.body ?? '')).toBe(true);
    // The official verifier agrees, and refuses an altered body.
    const official = new Webhook(secret);
    const signed = sent?.headers as Record<string, string>;
    expect(official.verify(sent?.body ?? '', signed)).toMatchObject({ type: 'generation.completed' });
    expect(() => official.verify(`${sent?.body} `, signed)).toThrow();
    expect(isGenuine(secret, sent?.headers ?? {}, `${sent?.body} `)).toBe(false);
    expect(isLitegenSignature(secret, sent?.headers['x-litegen-signature'], sent?.body ?? '')).toBe(true);
    const link = new URL(body.data.outputs[0]?.url ?? '');
    expect(body.result_url).toBe(link.href);
    expect((await gateway.app.inject({ url: link.pathname + link.search })).headers['content-type']).toBe('image/png');
    const [delivery] = await until(async () => {
      const found = await gateway.deliveries(id, '?state=delivered');
      return found.length > 0 && found;
    });
    expect(delivery).toMatchObject({ message_id: sent?.headers['webhook-id'], attempts: 1, next_attempt_at: null, last_status: 204 });
    expect(home.received).toHaveLength(1);
  });

  it('announces failures and cancellations, and progress to those who asked', async () => {
    const ends = await gateway.endpoint({ url: home.url });
    await gateway.endpoint({ url: second.url, event_types: ['generation.progress'] });
    const failed = await gateway.picture({ prompt: 'x [mock fail=content_rejected]' });
    const cancelled = await gateway.video('x [mock latency=20s progress]');
    await until(() => second.received.length > 0);
    await gateway.done('PATCH', `/v1/generations/${cancelled}`, { status: 'cancelled' });
    await until(() => home.received.length >= 2);
    const bodies = home.received.map(({ body }) => JSON.parse(body) as Body);
    expect(bodies.map(({ type, id }) => [type, id])).toEqual([
      ['generation.failed', failed],
      ['generation.cancelled', cancelled],
    ]);
    const progress = second.received.map(({ body }) => JSON.parse(body) as Body);
    expect(progress.every(({ type, id }) => type === 'generation.progress' && id === cancelled)).toBe(true);
    const { provider_job_id: job } = await gateway.done<Body>('GET', `/v1/generations/${cancelled}`);
    expect(job).toEqual(expect.any(String));
    expect([bodies[1], ...progress].map((body) => body?.provider_job_id)).toEqual([job, ...progress.map(() => job)]);
    const steps = progress.map(({ data }) => data.progress);
    expect(new Set(steps).size).toBe(steps.length);
    expect((await gateway.deliveries(ends.id)).map(({ type }) => type).sort()).toEqual(['generation.cancelled', 'generation.failed']);
  });

  it('sends the same id and bytes again until the receiver takes them', async () => {
    const { id, secret } = await gateway.endpoint({ url: home.url });
    home.answer = (response) =>
      home.received.length < 3 ? response.writeHead(500, { 'content-type': 'text/plain' }).end('not yet') : response.writeHead(200).end();
    await gateway.picture();
    const [done] = await until(async () => {
      const found = await gateway.deliveries(id, '?state=delivered');
      return found.length > 0 && found;
    });
    expect(home.received).toHaveLength(3);
    expect(new Set(home.ids()).size).toBe(1);
    expect(new Set(home.received.map(({ body }) => body)).size).toBe(1);
    for (const { headers, body } of home.received) expect(isGenuine(secret, headers, body)).toBe(true);
    const { attempt_log: log, payload } = await gateway.delivery(done?.id ?? '');
    expect(payload).toBe(home.received[0]?.body);
    expect(log.map(({ ordinal, status, success, response_body }) => [ordinal, status, success, response_body])).toEqual([
      [1, 500, false, 'not yet'],
      [2, 500, false, 'not yet'],
      [3, 200, true, null],
    ]);
    expect(await gateway.shown(id)).toMatchObject({ consecutive_failures: 0, paused_until: null });
  });

  it('gives up after the schedule, follows no redirect, and sends dead letters again: one, a range, all', async () => {
    const { id } = await gateway.endpoint({ url: home.url });
    home.answer = answering(302, { location: second.url });
    for (let index = 0; index < 3; index += 1) await gateway.picture();
    const dead = await until(async () => {
      const found = await gateway.deliveries(id, '?state=dead');
      return found.length === 3 && found;
    });
    expect(dead.every(({ attempts, last_status: status }) => attempts === 3 && status === 302)).toBe(true);
    expect(second.received).toEqual([]);

    home.answer = answering(200);
    home.received.length = 0;
    const [one] = dead;
    expect(await gateway.done('POST', `/v1/webhooks/deliveries/${one?.id}/redeliver`)).toMatchObject({ id: one?.id });
    await until(async () => (await gateway.deliveries(id, '?state=delivered')).length === 1);
    expect(home.ids()).toEqual([one?.message_id]);

    const redeliver = (body: object) =>
      gateway.done<{ redelivered: number }>('POST', `/v1/webhooks/endpoints/${id}/redeliver`, body).then(({ redelivered }) => redelivered);
    expect(await redeliver({ until: '2020-01-01T00:00:00Z' })).toBe(0);
    expect(await redeliver({ since: '2020-01-01T00:00:00Z' })).toBe(2);
    await until(async () => (await gateway.deliveries(id, '?state=delivered')).length === 3);
    expect(await redeliver({ state: 'all' })).toBe(3);
    await until(() => home.received.length === 6);
    expect(new Set(home.ids())).toEqual(new Set(dead.map(({ message_id: messageId }) => messageId)));
    const { attempt_log: log } = await gateway.delivery(one?.id ?? '');
    expect(log.slice(0, 4).map(({ ordinal }) => ordinal)).toEqual([1, 2, 3, 4]);
  });

  it('waits as long as the receiver asks, whatever else is due', async () => {
    const { id } = await gateway.endpoint({ url: home.url });
    home.answer = answering(429, { 'retry-after': '3600' });
    await gateway.picture();
    const [waiting] = await until(async () => {
      const found = await gateway.deliveries(id);
      return found[0]?.attempts === 1 && found;
    });
    expect(Date.parse(waiting?.next_attempt_at ?? '')).toBeGreaterThan(Date.now() + 3_000_000);
    expect((await gateway.shown(id)).paused_until).not.toBeNull();
    await gateway.picture();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(home.received).toHaveLength(1);
    // Whoever enables it says that it is well again.
    home.answer = answering(200);
    await gateway.done('PATCH', `/v1/webhooks/endpoints/${id}`, { disabled: false });
    await until(() => home.received.length === 2);
    expect(await gateway.done('POST', `/v1/webhooks/endpoints/${id}/redeliver`, { state: 'pending' })).toEqual({ redelivered: 1 });
    await until(() => home.received.length === 3);
  });

  it('takes 410 as a farewell: disabled, dead letters, and word to the other endpoints', async () => {
    const gone = await gateway.endpoint({ url: home.url });
    await gateway.endpoint({ url: second.url });
    home.answer = answering(410);
    await gateway.picture();
    const notice = await until(() =>
      second.received.map(({ body }) => JSON.parse(body) as Body).find(({ type }) => type === 'endpoint.disabled'),
    );
    expect(notice).toMatchObject({ data: { endpoint_id: gone.id, url: home.url, reason: 'gone', last_status: 410 } });
    expect(await gateway.shown(gone.id)).toMatchObject({ disabled_reason: 'gone' });
    expect(await gateway.deliveries(gone.id)).toMatchObject([{ state: 'dead' }]);
    await gateway.picture();
    await until(() => second.received.length === 3);
    expect(home.received).toHaveLength(1);
    expect((await gateway.call('POST', `/v1/webhooks/endpoints/${gone.id}/redeliver`)).status).toBe(409);
    home.answer = answering(200);
    await gateway.done('PATCH', `/v1/webhooks/endpoints/${gone.id}`, { disabled: false });
    expect(await gateway.done('POST', `/v1/webhooks/endpoints/${gone.id}/redeliver`)).toEqual({ redelivered: 1 });
    await until(() => home.received.length === 2);
  });

  it('sends only what concerns a key, and to a path that the request names only where that is allowed', async () => {
    const mine = await gateway.key({});
    const other = await gateway.key({});
    const strict = await gateway.endpoint({ url: home.url, key_id: mine.id });
    const { port } = new URL(second.url);
    await gateway.endpoint({ url: second.url, key_id: mine.id, allow_request_urls: true });
    await gateway.picture({}, other.key);
    const elsewhere = `http://127.0.0.1:${port}/orders/7?x=1`;
    const id = await gateway.picture({ metadata: { webhook_url: elsewhere } }, mine.key);
    await until(() => home.received.length > 0 && second.received.length > 0);
    expect(second.received.map(({ path }) => path)).toEqual(['/orders/7?x=1']);
    expect(home.received.map(({ path }) => path)).toEqual(['/hooks']);
    expect((await gateway.deliveries(strict.id)).map(({ generation_id: generation }) => generation)).toEqual([id]);
    await gateway.picture({ metadata: { webhook_url: 'http://169.254.169.254/latest' } }, mine.key);
    await until(() => second.received.length === 2);
    expect(second.received[1]?.path).toBe('/hooks');
  });

  it('sends to webhook_url what the request asks for, also progress that its endpoint does not hear, with that endpoint’s secret', async () => {
    const { secret } = await gateway.endpoint({ url: home.url, allow_request_urls: true });
    const url = `${home.url}/orders/8`;
    const headers = { authorization: `Bearer ${MASTER_KEY}`, prefer: 'respond-async' };
    const payload = {
      model: 'mock/clip',
      prompt: 'x [mock latency=3s progress]',
      seconds: '1',
      webhook_url: url,
      webhook_events: ['generation.progress', 'generation.completed'],
    };
    const created = await gateway.app.inject({ method: 'POST', url: '/v1/videos', headers, payload });
    const { id } = created.json<{ id: string }>();
    await until(() => home.received.some(({ body }) => (JSON.parse(body) as Body).type === 'generation.completed'));
    const bodies = home.received.map(({ body }) => JSON.parse(body) as Body);
    // In whatever order they came.
    expect(bodies.filter(({ type }) => type === 'generation.completed')).toHaveLength(1);
    expect([...new Set(bodies.map(({ type }) => type))].sort()).toEqual(['generation.completed', 'generation.progress']);
    expect(bodies.map(({ data }) => data.id)).toEqual(bodies.map(() => id));
    expect(home.received.map(({ path }) => path)).toEqual(bodies.map(() => '/hooks/orders/8'));
    for (const { headers: signed, body } of home.received) expect(isGenuine(secret, signed, body)).toBe(true);
    const shown = await gateway.done<{ request: object }>('GET', `/v1/generations/${id}`);
    expect(shown.request).toMatchObject({ webhook_url: url, webhook_events: payload.webhook_events });
  });

  it('refuses a webhook_url that nobody allowed, before anything is bought', async () => {
    const refused = (fields: object) =>
      gateway.call<{ error: { code: string; param: string; accepted?: string[] } }>('POST', '/v1/images/generations', {
        model: 'mock/paint',
        prompt: 'a red fox',
        ...fields,
      });
    await gateway.endpoint({ url: second.url });
    const closed = await refused({ webhook_url: `${second.url}/x` });
    expect([closed.status, closed.body.error]).toMatchObject([
      403,
      { code: 'webhook_url_not_allowed', param: 'webhook_url', accepted: [] },
    ]);
    await gateway.endpoint({ url: home.url, allow_request_urls: true });
    const elsewhere = await refused({ webhook_url: `${second.url}/x` });
    expect([elsewhere.status, elsewhere.body.error]).toMatchObject([403, { accepted: [new URL(home.url).origin] }]);
    for (const [fields, code, param] of [
      [{ webhook_url: 'ftp://example.com/x' }, 'url_blocked', 'webhook_url'],
      [{ webhook_url: 'http://169.254.169.254/x' }, 'url_blocked', 'webhook_url'],
      [{ webhook_url: 'http://example.com:22/x' }, 'url_blocked', 'webhook_url'],
      [{ webhook_events: ['generation.failed'] }, 'param_unsupported', 'webhook_events'],
      [{ webhook_url: home.url, webhook_events: ['endpoint.disabled'] }, 'param_enum_mismatch', 'webhook_events[0]'],
    ] as const) {
      const { status, body } = await refused(fields);
      expect([status, body.error.code, body.error.param]).toEqual([400, code, param]);
    }
    expect(home.received).toEqual([]);
  });

  it('takes both fields from a form', async () => {
    await gateway.endpoint({ url: home.url, allow_request_urls: true });
    const form = new FormData();
    for (const [name, value] of [
      ['model', 'mock/paint'],
      ['prompt', 'a red fox'],
      ['size', '256x256'],
      ['webhook_url', `${home.url}/form`],
      ['webhook_events[]', 'generation.completed'],
    ] as const)
      form.append(name, value);
    const request = new Request('http://gateway.test/', { method: 'POST', body: form });
    const answer = await gateway.app.inject({
      method: 'POST',
      url: '/v1/images/generations',
      headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': String(request.headers.get('content-type')) },
      payload: Buffer.from(await request.arrayBuffer()),
    });
    expect([answer.statusCode, answer.statusCode === 200 ? '' : answer.body]).toEqual([200, '']);
    await until(() => home.received.length > 0);
    expect(home.received.map(({ path }) => path)).toEqual(['/hooks/form']);
  });
});
