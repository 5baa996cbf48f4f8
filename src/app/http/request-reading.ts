import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  ApiError,
  charsetOf,
  contentCodings,
  decodeBody,
  decodeText,
  LoopShare,
  parseJson,
  printable,
  textProblem,
  unmetExpectation,
} from '../../platform/common/index.js';

/** Path and query together. Node's own limit holds for them and all headers. */
export const LONGEST_URL = 8192;
const LONGEST_SHOWN = 100;

export function uriTooLong(): ApiError {
  return new ApiError('uri_too_long', `Path and query may have at most ${LONGEST_URL} characters together.`);
}

/** What no route could make sense of. */
export function requestProblem(request: FastifyRequest): ApiError | undefined {
  const { raw, params, query } = request;
  const url = raw.url ?? '';
  if (url.length > LONGEST_URL) return uriTooLong();
  // HTTP/1.0 knows no Host. Node's own refusal would have no body.
  if (raw.headers.host === undefined && raw.httpVersion === '1.1') {
    return new ApiError('malformed_request', 'An HTTP/1.1 request must have a Host header.', { param: 'host' });
  }
  const problem = headerProblem(request);
  if (problem !== undefined) return problem;
  // Only what is encoded can hold anything else than visible ASCII.
  if (!url.includes('%')) return undefined;
  const undecodable = queryOf(url).find((pair) => !isDecodable(pair));
  if (undecodable !== undefined) {
    const name = undecodable.slice(0, LONGEST_SHOWN).replace(/=.*/s, '');
    return new ApiError('invalid_query', `The query cannot be decoded: the percent-encoding at ${name} is not that of UTF-8.`, {
      param: name,
    });
  }
  for (const [name, value] of Object.entries(query as Readonly<Record<string, unknown>>)) {
    const problem =
      textProblem(name) ??
      [value]
        .flat()
        .map((text) => textProblem(String(text)))
        .find((found) => found !== undefined);
    if (problem !== undefined) return new ApiError('invalid_query', `${printable(name)} ${problem}.`, { param: printable(name) });
  }
  const [named] = Object.entries((params ?? {}) as Readonly<Record<string, string>>).filter(
    ([, value]) => textProblem(value) !== undefined,
  );
  return named === undefined
    ? undefined
    : new ApiError('not_found', `There is nothing with the ${named[0]} ${printable(named[1])}.`, { param: named[0] });
}

/** What a client wants of the connection that it cannot have. */
function headerProblem({ raw }: FastifyRequest): ApiError | undefined {
  if (raw.headers.expect === undefined && raw.headers['transfer-encoding'] === undefined) return undefined;
  const expectation = unmetExpectation(raw);
  if (expectation !== undefined) {
    const shown = printable(expectation.slice(0, LONGEST_SHOWN));
    return new ApiError('expectation_failed', `Expect: ${shown} cannot be met; there is only 100-continue.`, {
      param: 'expect',
      accepted: ['100-continue'],
    });
  }
  const codings = (raw.headers['transfer-encoding'] ?? '').split(',').map((coding) => coding.trim().toLowerCase());
  const coding = codings.find((one) => one !== '' && one !== 'chunked');
  return coding === undefined
    ? undefined
    : new ApiError(
        'unsupported_media_type',
        `The transfer coding ${printable(coding.slice(0, LONGEST_SHOWN))} is not supported; declare compression in Content-Encoding.`,
        { param: 'transfer-encoding', accepted: ['chunked'] },
      );
}

function queryOf(url: string): string[] {
  const start = url.indexOf('?');
  return start === -1 ? [] : url.slice(start + 1).split('&');
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Remembers which paths exist, because the router does not tell a wrong verb from a wrong path. */
@Injectable()
export class RouteTable {
  private readonly fixed = new Map<string, Set<string>>();
  private readonly patterns: { method: string; pattern: RegExp }[] = [];

  /** @param url Fastify's pattern, such as `/v1/keys/:id`. */
  add(method: string, url: string): void {
    // CORS's answer to preflights says nothing about which paths there are.
    if (url === '*') return;
    if (!isPattern(url)) {
      this.fixed.set(url, (this.fixed.get(url) ?? new Set<string>()).add(method));
      return;
    }
    const source = url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:[^/]+/g, '[^/]+')
      .replace(/\*/g, '.+');
    this.patterns.push({ method, pattern: new RegExp(`^${source}$`) });
  }

  /** Whether no route is meant for the request, though one may have taken it: `DELETE /v1/videos/generations` deletes no video of that name. */
  isMiss({ is404, method, url, headers, routeOptions }: FastifyRequest): boolean {
    if (is404) return true;
    if (routeOptions.url === '*') return headers.origin === undefined || headers['access-control-request-method'] === undefined;
    if (!isPattern(routeOptions.url ?? '')) return false;
    const methods = this.fixed.get(pathOf(url));
    return methods !== undefined && !methods.has(method);
  }

  methodsOf(path: string): string[] {
    const methods = this.fixed.get(path) ?? this.patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    return [...new Set(methods)].sort();
  }

  /** What a request that no route is meant for is answered with. */
  miss(method: string, url: string): ApiError {
    const [path = '/'] = url.split(/[?#]/, 1);
    const allowed = this.methodsOf(pathOf(url));
    if (allowed.length === 0) return new ApiError('route_not_found', `There is no ${method} ${path}. The API is described at /docs.`);
    return new ApiError('method_not_allowed', `${path} does not answer ${method}.`, {
      accepted: allowed,
      headers: { allow: allowed.join(', ') },
    });
  }
}

function isPattern(url: string): boolean {
  return url.includes(':') || url.includes('*');
}

/** As the router reads it. */
function pathOf(url: string): string {
  const [path = '/'] = url.split(/[?#]/, 1);
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/** From here on a body keeps the process busy for milliseconds. */
const BIG_BODY_BYTES = 1_048_576;
/** Several of them in one turn of the event loop would be a pause for everybody else. */
const bigBodies = new LoopShare(1);

/**
 * Reads bodies other than forms: JSON in any charset that it declares, compressed or not. SDKs send `Content-Type: application/json`
 * with every request, also where there is no body. Callbacks are read raw, for their signatures.
 */
export function installBodyParsers(fastify: FastifyInstance): void {
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    const header = request.headers['content-encoding'];
    // A form is decoded by its reader, which has limits of its own.
    if (header === undefined || isRaw(request) || isForm(request)) return done(null, payload);
    try {
      const codings = contentCodings(header);
      done(null, codings.length === 0 ? payload : decodeBody(request.raw, codings, request.routeOptions.bodyLimit));
    } catch (error) {
      done(error as Error);
    }
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isRaw(request)) return done(null, body);
    if (body.length === 0) return done(null, undefined);
    const parse = (): void => {
      const { value, error } = jsonOf(body, request.headers['content-type']);
      done(error ?? null, value);
    };
    const turn = body.length < BIG_BODY_BYTES ? undefined : bigBodies.take();
    if (turn === undefined) parse();
    else void turn.then(parse);
  });
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isRaw(request) || (body.length === 0 && request.headers['content-type'] === undefined)) done(null, body);
    else done(Object.assign(new Error('Unsupported media type'), { statusCode: 415 }), undefined);
  });
}

function jsonOf(body: Buffer, contentType: string | undefined): { readonly value?: unknown; readonly error?: Error } {
  try {
    return { value: parseJson(decodeText(body, charsetOf(contentType))) };
  } catch (error) {
    return { error: error as Error };
  }
}

function isRaw({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.access?.kind === 'callback';
}

function isForm({ headers }: FastifyRequest): boolean {
  return /^multipart\/form-data/i.test(headers['content-type'] ?? '');
}
