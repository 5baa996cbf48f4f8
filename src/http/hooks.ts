import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Access, AuthService } from '../auth/index.js';
import { ApiError, requestShare } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { KeyThrottlerGuard } from '../limits/index.js';
import { MetricsService } from '../metrics/index.js';
import { ErrorResponder } from './error.filter.js';
import { RouteTable } from './route-table.js';

const MILLISECONDS = 1000;

/** Routes of libraries, which cannot carry our decorators; `*` is CORS's answer to preflights. */
const LIBRARY_ROUTES = [/^\*$/, /^\/docs(\/|$)/, /^\/openapi\.(json|yaml)$/, /^\/metrics$/];

/** Identity, access, metrics and one log line for every request, before and around Nest. */
export function installHooks(app: NestFastifyApplication, config: Pick<Config, 'cors'>): void {
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  const routes = app.get(RouteTable);
  fastify.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) routes.add(method, route.url);
    const access = route.config?.access;
    if (access === undefined && !LIBRARY_ROUTES.some((known) => known.test(route.url))) {
      throw new Error(`The route ${String(route.method)} ${route.url} does not say who may use it: add @Public() or @Scoped(…)`);
    }
  });
  const errors = app.get(ErrorResponder);
  // First, so that a refused request is counted as begun and as ended.
  installMeasures(fastify, app.get(MetricsService), errors, app.get<Config>(CONFIG).server.max_requests_in_flight);
  installAccess(fastify, app.get(AuthService), app.get(KeyThrottlerGuard), errors, config.cors.allowed_origins);
  installParsers(fastify);
}

function installAccess(
  fastify: FastifyInstance,
  auth: AuthService,
  throttler: KeyThrottlerGuard,
  errors: ErrorResponder,
  allowedOrigins: readonly string[],
): void {
  fastify.decorateRequest('principal', undefined);
  fastify.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('x-request-id', request.id);
    if (request.is404) return;
    const access: Access | undefined = request.routeOptions.config.access;
    if (access === undefined || access.kind === 'public') return;
    try {
      const principal = await auth.authenticate(request.headers.authorization);
      if (principal.kind === 'anonymous') refuseForeignPages(request, allowedOrigins);
      request.principal = principal;
      await throttler.take(request, reply);
      if (!principal.scopes.has(access.scope)) {
        throw new ApiError('forbidden_scope', `This API key has no "${access.scope}" scope.`, { accepted: [access.scope] });
      }
    } catch (error) {
      errors.respond(reply, request, error);
      return reply;
    }
  });
}

/** Without a key, the browser of somebody on this machine would be the key: no page from elsewhere may use it. */
function refuseForeignPages({ headers, host, protocol }: FastifyRequest, allowed: readonly string[]): void {
  const { origin } = headers;
  if (origin === undefined || origin === `${protocol}://${host}` || allowed.includes(origin) || allowed.includes('*')) return;
  throw new ApiError(
    'forbidden',
    `Pages of ${origin} may not use a gateway without a master key. Name the origin in cors.allowed_origins.`,
    {
      param: 'origin',
    },
  );
}

function installMeasures(fastify: FastifyInstance, metrics: MetricsService, errors: ErrorResponder, mostInFlight: number): void {
  const logger = new Logger('Http');
  let inFlight = 0;
  fastify.addHook('onRequest', (request, reply, done) => {
    metrics.requestStarted();
    inFlight += 1;
    // Health checks and metrics are what shows that a process is full.
    if (inFlight > mostInFlight && request.routeOptions.config.access?.kind === 'scope') {
      metrics.capacityRefused('process', 'in_flight');
      errors.respond(reply, request, processIsFull());
      return;
    }
    // Many requests may arrive in one turn of the event loop.
    const turn = requestShare.take();
    if (turn === undefined) done();
    else void turn.then(() => done());
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    inFlight -= 1;
    const route = request.is404 ? 'unmatched' : (request.routeOptions.url ?? 'unmatched');
    metrics.requestFinished(route, request.method, reply.statusCode, reply.elapsedTime / MILLISECONDS);
    logger.log({
      message: `${request.method} ${route} ${reply.statusCode}`,
      requestId: request.id,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      key: request.principal?.label,
    });
    done();
  });
}

function processIsFull(): ApiError {
  return new ApiError('over_capacity', 'This process answers as many requests as it can.', { retryAfterSeconds: 1 });
}

/** SDKs send `Content-Type: application/json` with every request, also where there is no body. Call backs are read raw, for their signatures. */
function installParsers(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (request.routeOptions.config.rawBody === true) done(null, body);
    else if (body.length === 0) done(null, undefined);
    else void parse(request, body.toString(), done);
  });
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    const { rawBody } = request.routeOptions.config;
    if (rawBody === true || (body.length === 0 && request.headers['content-type'] === undefined)) done(null, body);
    else done(Object.assign(new Error('Unsupported media type'), { statusCode: 415 }), undefined);
  });
}
