import type { FastifyReply, FastifyRequest } from 'fastify';
import { checkIdempotencyKey, type Idempotency } from '../../engine/generations/index.js';
import { ApiError, isHoldingItsBody } from '../../platform/common/index.js';
import { type CacheDirectives, readCacheDirectives } from '../../policy/cache/index.js';

/** How much of a refused upload is still read, so that the client gets to see why. */
const MAX_DISCARDED_BYTES = 256 * 1024 * 1024;

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

/** Aborted when the client goes away before it has its answer. */
export function connectionOf(reply: FastifyReply): AbortSignal {
  const connection = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) connection.abort();
  });
  return connection.signal;
}

/** Reads and forgets what the client still sends: one that writes without reading would otherwise never see the answer. */
export function discardBody(request: FastifyRequest): void {
  const { raw } = request;
  if (raw.readableEnded || raw.destroyed || isHoldingItsBody(raw)) return;
  let bytes = 0;
  raw.unpipe();
  raw.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DISCARDED_BYTES) raw.destroy();
  });
  raw.resume();
}
