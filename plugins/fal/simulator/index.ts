import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import {
  type HttpSimulator,
  type HttpSimulatorOptions,
  jsonReply,
  makeMp4,
  makePng,
  type ReceivedRequest,
  type SimulatorReply,
  startHttpSimulator,
} from '@litegen/plugin-sdk/testing';
import { ENDPOINTS, type EndpointInput, problemsOf } from './inputs.js';
import { type FalOutcome, outcomeOf } from './outcomes.js';

export interface FalSimulatorOptions extends HttpSimulatorOptions {
  /** Default `test-key-id:test-key-secret`. */
  readonly apiKey?: string;
  /** Status questions that a request spends in the queue, then at work. Default 1 and 1. */
  readonly queuedPolls?: number;
  readonly runningPolls?: number;
  /** Answers submissions without the `*_url`s, as fal does for some that name a webhook. */
  readonly bareSubmissions?: boolean;
  /** Origin written into the `*_url`s. Default: the server's own. */
  readonly linkOrigin?: string;
  /** Origin of the files in results. Default: the server's own, which serves them. */
  readonly fileOrigin?: string;
  /** Calls back submissions with `fal_webhook` when they end. Default true. */
  readonly callBack?: boolean;
}

/** A submission, as the server remembers it. */
export interface FalSubmission {
  readonly id: string;
  readonly endpoint: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly webhookUrl?: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface FalSimulator extends HttpSimulator {
  /** Accepted submissions in order. Each would have been billed. */
  readonly submissions: readonly FalSubmission[];
  /** `providers.fal` for a gateway under test. */
  readonly settings: { readonly api_base: string; readonly options: { readonly rest_url: string; readonly api_url: string } };
  /** A callback for a request as fal would send it now, signed with the published key. */
  delivery(id: string, at?: Date): FalDelivery;
  /** Signs any body with the published key. */
  signed(body: unknown, at?: Date): FalDelivery;
  /** Resolves when every callback on its way was answered. */
  settled(): Promise<void>;
}

export interface FalDelivery {
  readonly method: 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

interface Job extends FalSubmission {
  readonly outcome: FalOutcome;
  polls: number;
  state: 'queued' | 'running' | 'done' | 'cancelled';
}

export const FAL_TEST_KEY = 'test-key-id:test-key-secret';

/** fal's queue, keys and Platform API on one origin. Prompts decide how a request ends; see outcomes.ts. */
export async function startFalSimulator(options: FalSimulatorOptions = {}): Promise<FalSimulator> {
  const { apiKey = FAL_TEST_KEY, queuedPolls = 1, runningPolls = 1 } = options;
  const jobs = new Map<string, Job>();
  const submissions: FalSubmission[] = [];
  const calls = new Set<Promise<unknown>>();
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'simulated' }] };

  const signed = (body: unknown, at = new Date()): FalDelivery => {
    const bytes = Buffer.from(JSON.stringify(body));
    const parts = { 'request-id': randomUUID(), 'user-id': 'simulated-user', timestamp: String(Math.floor(at.getTime() / 1000)) };
    const message = [...Object.values(parts), createHash('sha256').update(bytes).digest('hex')].join('\n');
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    for (const [name, value] of Object.entries(parts)) headers[`x-fal-webhook-${name}`] = value;
    headers['x-fal-webhook-signature'] = sign(null, Buffer.from(message), privateKey).toString('hex');
    return { method: 'POST', headers, query: {}, body: new Uint8Array(bytes) };
  };

  const delivery = (id: string, at?: Date): FalDelivery => {
    const job = jobs.get(id);
    if (job === undefined) throw new Error(`no such request: ${id}`);
    const { status, body } = job.outcome.result(options.fileOrigin ?? vendor.origin);
    const ids = { request_id: id, gateway_request_id: randomUUID() };
    return signed(
      status === 200
        ? { ...ids, status: 'OK', payload: body }
        : { ...ids, status: 'ERROR', error: `Invalid status code: ${status}`, payload: body },
      at,
    );
  };

  const end = (job: Job): void => {
    job.state = 'done';
    if (job.webhookUrl === undefined || options.callBack === false) return;
    const { headers, body } = delivery(job.id);
    const sent = fetch(job.webhookUrl, { method: 'POST', headers, body: Buffer.from(body) }).catch(() => undefined);
    calls.add(sent);
    void sent.finally(() => calls.delete(sent));
  };

  const submit = (request: ReceivedRequest, endpoint: string, input: EndpointInput): SimulatorReply => {
    const body = request.json() as Record<string, unknown>;
    const problems = problemsOf(input, body);
    if (problems.length > 0) return jsonReply(422, { detail: problems }, { 'x-fal-retryable': 'false' });
    const refusal = outcomeOf(endpoint, body).refusal;
    if (refusal !== undefined) return jsonReply(refusal.status, refusal.body, refusal.headers);
    const id = randomUUID();
    const webhookUrl = request.query.fal_webhook;
    const job: Job = {
      id,
      endpoint,
      input: body,
      webhookUrl,
      headers: request.headers,
      outcome: outcomeOf(endpoint, body),
      polls: 0,
      state: 'queued',
    };
    jobs.set(id, job);
    submissions.push(job);
    if (options.bareSubmissions) return jsonReply(200, { request_id: id, gateway_request_id: id });
    const link = `${options.linkOrigin ?? vendor.origin}/${appOf(endpoint)}/requests/${id}`;
    const links = { response_url: link, status_url: `${link}/status`, cancel_url: `${link}/cancel` };
    return jsonReply(200, { status: 'IN_QUEUE', request_id: id, ...links, queue_position: 0 }, { 'x-fal-request-id': id });
  };

  const status = (job: Job): SimulatorReply => {
    if (job.state === 'cancelled')
      return jsonReply(200, { status: 'COMPLETED', request_id: job.id, error: 'Request was cancelled', error_type: 'client_cancelled' });
    if (job.outcome.statusWord !== undefined) return jsonReply(202, { status: job.outcome.statusWord, request_id: job.id });
    job.polls += 1;
    if (job.state !== 'done') {
      if (job.polls <= queuedPolls) return jsonReply(202, { status: 'IN_QUEUE', request_id: job.id, queue_position: 0 });
      job.state = 'running';
      if (job.polls <= queuedPolls + runningPolls) return jsonReply(202, { status: 'IN_PROGRESS', request_id: job.id, logs: null });
      end(job);
    }
    const metrics = { metrics: { inference_time: 0.42 } };
    return jsonReply(200, { status: 'COMPLETED', request_id: job.id, ...metrics, ...job.outcome.statusError });
  };

  const cancel = (job: Job): SimulatorReply => {
    if (job.state === 'done' || job.state === 'cancelled') return jsonReply(400, { status: 'ALREADY_COMPLETED' });
    if (job.state === 'queued') job.state = 'cancelled';
    return jsonReply(202, { status: 'CANCELLATION_REQUESTED' });
  };

  const result = (job: Job): SimulatorReply => {
    if (job.state === 'cancelled') return jsonReply(499, { detail: 'Request was cancelled', error_type: 'client_cancelled' });
    if (job.state !== 'done') return jsonReply(400, { detail: 'Request is still in progress' });
    const { status: code, body, headers } = job.outcome.result(options.fileOrigin ?? vendor.origin);
    return jsonReply(code, body, { 'x-fal-request-id': job.id, ...headers });
  };

  const handle = (request: ReceivedRequest): SimulatorReply => {
    const { method, path } = request;
    if (path === '/.well-known/jwks.json') return jsonReply(200, jwks);
    if (path.startsWith('/files/')) return media(path);
    if (request.headers.authorization !== `Key ${apiKey}`)
      return jsonReply(401, { detail: 'Authentication is required to access this application' });
    if (path === '/v1/models/pricing') {
      const prices = [{ endpoint_id: request.query.endpoint_id, unit_price: 0.025, unit: 'megapixels', currency: 'USD' }];
      return jsonReply(200, { prices, has_more: false, next_cursor: null });
    }
    const own = /^\/(.+)\/requests\/([^/]+?)(\/status|\/cancel)?$/.exec(path);
    if (own !== null) {
      const job = jobs.get(own[2] ?? '');
      if (job === undefined || appOf(job.endpoint) !== own[1])
        return jsonReply(404, own[3] === '/cancel' ? { status: 'NOT_FOUND' } : { detail: 'Request not found' });
      if (own[3] === '/cancel') return method === 'PUT' ? cancel(job) : jsonReply(405, { detail: 'Method Not Allowed' });
      return own[3] === '/status' ? status(job) : result(job);
    }
    const endpoint = path.slice(1);
    const input = Object.hasOwn(ENDPOINTS, endpoint) ? ENDPOINTS[endpoint] : undefined;
    if (method !== 'POST' || input === undefined) return jsonReply(404, { detail: `Application "${endpoint}" not found` });
    return submit(request, endpoint, input);
  };

  const base = await startHttpSimulator(handle, options);
  const vendor: FalSimulator = {
    ...base,
    submissions,
    settings: { api_base: base.origin, options: { rest_url: base.origin, api_url: base.origin } },
    delivery,
    signed,
    settled: async () => {
      while (calls.size > 0) await Promise.all(calls);
    },
    reset: () => {
      base.reset();
      jobs.clear();
      submissions.length = 0;
    },
  };
  return vendor;
}

/** Requests live under the first two segments, with a leading namespace under three. */
function appOf(endpoint: string): string {
  const segments = endpoint.split('/');
  return segments.slice(0, segments[0] === 'workflows' || segments[0] === 'comfy' ? 3 : 2).join('/');
}

function media(path: string): SimulatorReply {
  return path.endsWith('.mp4')
    ? { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(2048) }
    : { status: 200, headers: { 'content-type': 'image/png' }, body: makePng({ width: 16, height: 16 }) };
}
