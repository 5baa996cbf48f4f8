import type { IncomingMessage } from 'node:http';
import type { JsonObject, Operation } from '@litegen/plugin-sdk';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../../domain/access/index.js';
import {
  type CallerConnection,
  type CommandReference,
  checkIdempotencyKey,
  type Dialect,
  GENERATION_EVENT_TYPES,
  type GenerationCommand,
  type Idempotency,
} from '../../engine/generations/index.js';
import { ApiError } from '../../platform/common/index.js';
import { type CacheDirectives, readCacheDirectives } from '../../policy/cache/index.js';
import type { BaseGenerationRequest } from './dto/generation-request.dto.js';

/** Parameters of the capability YAML that requests for images and videos alike may name. */
export const SHARED_PARAMS = [
  'negative_prompt',
  'seed',
  'size',
  'aspect_ratio',
  'resolution',
  'quality',
  'style',
  'steps',
  'guidance_scale',
  'strength',
] as const satisfies readonly (keyof BaseGenerationRequest)[];

/** Fields that the gateway itself sees to. */
const GATEWAY_FIELDS = [
  'strict',
  'metadata',
  'user',
  'safety_identifier',
  'response_format',
  'stream',
  'webhook_url',
  'webhook_events',
] as const;

export interface CommandFacts {
  readonly principal: Principal;
  readonly requestId: string;
  readonly operation: Operation;
  readonly dialect: Dialect;
  readonly references: readonly CommandReference[];
  readonly unknown: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly fieldNames?: Readonly<Record<string, string>>;
  readonly remixOf?: string;
  /** For requests whose body does not say it. */
  readonly strictByHeader: boolean | undefined;
  readonly partialImages: number;
  readonly stream?: boolean;
  readonly delivery: string;
  readonly idempotency: Idempotency;
  readonly quoteId: string | undefined;
  readonly cache: CacheDirectives;
}

/** A checked request in the engine's terms. */
export function toCommand(fields: BaseGenerationRequest, facts: CommandFacts): GenerationCommand {
  const { strictByHeader, ...rest } = facts;
  const strict = fields.strict ?? strictByHeader;
  const user = fields.safety_identifier ?? fields.user;
  return {
    ...rest,
    model: fields.model,
    prompt: fields.prompt ?? '',
    ...(typeof fields.n === 'number' ? { n: fields.n } : {}),
    gateway: GATEWAY_FIELDS.filter((name) => (fields as unknown as Record<string, unknown>)[name] !== undefined),
    ...(strict === undefined ? {} : { strict }),
    ...(fields.extra ? { extra: fields.extra as JsonObject } : {}),
    ...(fields.metadata ? { metadata: fields.metadata as JsonObject } : {}),
    ...(user ? { user } : {}),
    ...webhookOf(fields),
  };
}

/** Progress is many events of little weight, so it has to be asked for. */
const DEFAULT_EVENTS = GENERATION_EVENT_TYPES.filter((type) => type !== 'generation.progress');

/** @throws ApiError `param_unsupported` for events without a URL */
function webhookOf({ webhook_url: url, webhook_events: events }: BaseGenerationRequest): Pick<GenerationCommand, 'webhook'> {
  if (url) return { webhook: { url, events: events ?? DEFAULT_EVENTS } };
  if (!events) return {};
  throw new ApiError('param_unsupported', 'webhook_events says what goes to webhook_url, which is not there.', { param: 'webhook_events' });
}

/** The named fields that were sent. */
export function pick(fields: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));
}

/** `?dryRun=true`: only the price is asked for. */
export function isDryRun(request: FastifyRequest): boolean {
  const { dryRun, dry_run } = request.query as Readonly<Record<string, unknown>>;
  const said = dryRun ?? dry_run;
  const value = typeof said === 'string' ? said.toLowerCase() : said;
  if (value === undefined || value === 'false' || value === '0') return false;
  if (value === 'true' || value === '1' || value === '') return true;
  throw new ApiError('invalid_query', 'dryRun is true or false.', { param: 'dryRun', accepted: ['true', 'false'] });
}

/** The header `X-Litegen-Strict`, for requests whose body does not say it. Undefined: neither does the header. */
export function strictByHeader({ headers }: FastifyRequest): boolean | undefined {
  const value = [headers['x-litegen-strict'] ?? []].flat()[0]?.trim().toLowerCase();
  if (value === undefined) return undefined;
  if (value === 'true' || value === '1' || value === 'strict') return true;
  if (value === 'false' || value === '0' || value === 'lax') return false;
  throw new ApiError('invalid_query', 'X-Litegen-Strict is true or false.', { param: 'x-litegen-strict', accepted: ['true', 'false'] });
}

/** By which the engine tells a repetition from a new wish. OpenAI's SDKs count their retries and send no key. @throws ApiError `idempotency_key_invalid` */
export function idempotencyOf({ headers }: FastifyRequest): Idempotency {
  const key = [headers['idempotency-key'] ?? []].flat()[0];
  return {
    ...(key === undefined ? {} : { key: checkIdempotencyKey(key) }),
    isRetry: Number(headers['x-stainless-retry-count'] ?? 0) > 0,
    guard: true,
  };
}

/** The header `X-Litegen-Quote`: whose price is to hold. */
export function quoteIdOf({ headers }: FastifyRequest): string | undefined {
  const id = [headers['x-litegen-quote'] ?? []].flat()[0]?.trim();
  return id === '' ? undefined : id;
}

/** What the request says about the cache. @throws ApiError `param_out_of_range` */
export function cacheDirectivesOf({ headers }: FastifyRequest): CacheDirectives {
  return readCacheDirectives(headers);
}

/** Calls back when the client goes away before it has its answer; at once when it has gone. A signal would cost every request more. */
export function connectionOf({ raw }: FastifyReply): CallerConnection {
  return (onBroken) => {
    const over = (): void => {
      if (!raw.writableFinished) onBroken();
    };
    if (raw.closed) over();
    else raw.once('close', over);
  };
}

/** What a caller asks for with `Prefer` (RFC 7240). Unknown preferences are ignored, as the RFC wants. */
export interface Preferences {
  /** Answer at once with what there is to poll. */
  readonly respondAsync: boolean;
  /** Answer after so many seconds at the latest. */
  readonly waitSeconds?: number;
}

const LONGEST_WAIT_SECONDS = 86_400;

/** @param header one or more `Prefer` headers; of a preference that is there twice, the first counts */
export function parsePrefer(header: string | readonly string[] | undefined): Preferences {
  const seen = new Map<string, string>();
  for (const part of [header ?? []].flat().join(',').split(',')) {
    const [token = ''] = part.split(';');
    const [name = '', value = ''] = token.split('=', 2).map((text) => text.trim());
    const key = name.toLowerCase();
    if (key !== '' && !seen.has(key)) seen.set(key, value.replace(/^"(.*)"$/, '$1'));
  }
  const wait = seen.get('wait');
  const waits = wait !== undefined && /^\d{1,9}$/.test(wait);
  return {
    respondAsync: seen.has('respond-async'),
    ...(waits ? { waitSeconds: Math.min(LONGEST_WAIT_SECONDS, Number(wait)) } : {}),
  };
}

/** The value of `Preference-Applied`, or undefined when nothing was preferred. */
export function appliedPreferences({ respondAsync, waitSeconds }: Preferences): string | undefined {
  const applied = [...(respondAsync ? ['respond-async'] : []), ...(waitSeconds === undefined ? [] : [`wait=${waitSeconds}`])];
  return applied.length === 0 ? undefined : applied.join(', ');
}

/** What Azure's clients call a model is part of the path, slashes and all; its `api-version` means nothing here. */
const DEPLOYMENT = /^\/openai\/deployments\/(.+)(\/images\/(?:generations|edits))$/;
/** What belongs to no deployment. Azure's newer clients use `/openai/v1`, which stands for OpenAI's own. */
const OTHERS = /^\/openai(?:\/v1)?(\/(?:images|videos|models)(?:\/.*)?)$/;
const V1 = /^\/openai(\/v1\/.*)$/;

const deployments = new WeakMap<IncomingMessage, string>();

/** Our address for one of OpenAI's or Azure's: a doubled slash is no reason for a 404. */
export function rewriteUrl(request: IncomingMessage): string {
  const url = withoutOrigin(request.url ?? '/');
  const end = url.indexOf('?');
  const path = (end === -1 ? url : url.slice(0, end)).replace(/\/{2,}/g, '/');
  const asked = end === -1 ? '' : url.slice(end);
  if (!path.startsWith('/openai/')) return path + asked;
  const query = withoutVersion(asked);
  const [, deployment, route] = DEPLOYMENT.exec(path) ?? [];
  if (deployment !== undefined && route !== undefined) {
    deployments.set(request, decoded(deployment));
    return `/v1${route}${query}`;
  }
  const other = OTHERS.exec(path)?.[1];
  if (other !== undefined) return `/v1${other}${query}`;
  return (V1.exec(path)?.[1] ?? path) + query;
}

/** Clients that take the gateway for their proxy send the whole URL (RFC 9112, section 3.2.2). */
function withoutOrigin(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return path === target || path.startsWith('/') ? path : `/${path}`;
}

/** The model that the path of an Azure client named, which counts before the body's. */
export function deploymentOf(request: { readonly raw: IncomingMessage }): string | undefined {
  return deployments.get(request.raw);
}

/** Every route has one version here. The rest stays as it was written. */
function withoutVersion(query: string): string {
  const rest = query
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !/^api-version(?:=|$)/i.test(pair));
  return rest.length === 0 ? '' : `?${rest.join('&')}`;
}

/** What is no percent-encoding is a model's name as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
