import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import helmet from '@fastify/helmet';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Access, AuthService } from '../../domain/access/index.js';
import { CallbacksService } from '../../engine/generations/index.js';
import { ApiError, newRequestId, requestShare } from '../../platform/common/index.js';
import { type Config, hasRealMasterKey } from '../../platform/config/index.js';
import { MetricsService } from '../../platform/metrics/index.js';
import { KeyThrottlerGuard } from '../../policy/limits/index.js';
import { endSlowClients, whenOver } from './connections.js';
import { ErrorResponder } from './error.filter.js';
import { PageGuard } from './page-guard.js';
import { installServerAnswers } from './parser-errors.js';
import { installBodyParsers, RouteTable, requestProblem } from './request-reading.js';

const MILLISECONDS = 1000;

const REQUEST_ID = /^[\w-]{8,128}$/;

/** All that is left of it behind CORS's headers is to answer. */
const PREFLIGHT_ROUTE = '*';

/** Routes of libraries, which cannot carry our decorators; `*` is that of preflights. */
const LIBRARY_ROUTES = [/^\*$/, /^\/$/, /^\/docs(\/|$)/, /^\/openapi\.(json|yaml)$/, /^\/metrics$/];

/** A report says how a job stands and links to its files; what is larger, the next poll finds. */
export const MAX_CALLBACK_BYTES = 1_048_576;

/** Health checks and metrics are what shows that a process is full. */
export const ALWAYS_ANSWERED = /^\/(health\/(live|ready)|metrics)$/;

/** Fields of a request's log line, by the headers that hold them. */
const GENERATION_FIELDS = {
  'x-litegen-generation-id': 'generation_id',
  'x-litegen-model': 'model',
  'x-litegen-provider': 'provider',
} as const;

/** What proxies note when a client went away before it had an answer; nobody is sent it. */
const CLIENT_LEFT = 499;

/** Identity, access, metrics and one log line for every request, before and around Nest. */
export async function installHooks(app: NestFastifyApplication, config: Config): Promise<void> {
  await installSecurityHeaders(app);
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  const routes = app.get(RouteTable);
  fastify.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) routes.add(method, route.url);
    const access = route.config?.access;
    if (access?.kind === 'callback') route.bodyLimit = MAX_CALLBACK_BYTES;
    if (access === undefined && !LIBRARY_ROUTES.some((known) => known.test(route.url))) {
      throw new Error(`The route ${String(route.method)} ${route.url} does not say who may use it: add @Public() or @Scoped(…)`);
    }
  });
  const errors = app.get(ErrorResponder);
  // First, so that a refused request is counted as begun and as ended, and its client does not send on for ever.
  endSlowClients(fastify, errors, config.server.idle_timeout_seconds);
  installMeasures(fastify, app.get(MetricsService));
  installAccess(fastify, app, errors, config);
  installRequestChecks(fastify, errors);
  installServerAnswers(fastify);
  installBodyParsers(fastify);
}

/** What the client calls its request, where others can use that. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : newRequestId();
}

/** Headers that tell browsers what not to do with an answer. They never differ, so the library makes them once. */
async function installSecurityHeaders(app: NestFastifyApplication): Promise<void> {
  await app.register(helmet, {
    global: false,
    // Swagger UI needs inline styles; the rest of the API serves JSON and files, which a tight policy suits.
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        mediaSrc: ["'self'"],
        upgradeInsecureRequests: null,
      },
    },
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    strictTransportSecurity: false,
  });
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  let known: OutgoingHttpHeaders | undefined;
  fastify.addHook('onRequest', (_request, reply, done) => {
    if (known === undefined) {
      // It writes to the answer below Fastify's, on which nothing else writes.
      void reply.helmet();
      known = { ...reply.raw.getHeaders() };
      for (const name of Object.keys(known)) reply.raw.removeHeader(name);
    }
    reply.headers(known);
    done();
  });
}

function installAccess(fastify: FastifyInstance, app: NestFastifyApplication, errors: ErrorResponder, config: Config): void {
  const auth = app.get(AuthService);
  const throttler = app.get(KeyThrottlerGuard);
  const callbacks = app.get(CallbacksService, { strict: false });
  const routes = app.get(RouteTable);
  const places = new Places(config, app.get(MetricsService));
  const pages = hasRealMasterKey(config) ? undefined : new PageGuard(config);
  fastify.decorateRequest('principal', undefined);
  fastify.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('x-request-id', request.id);
    const access: Access | undefined = request.routeOptions.config.access;
    try {
      pages?.checkHost(request);
      // Nothing of a body that nobody asked for is read.
      if (routes.isMiss(request)) throw routes.miss(request.method, request.url);
      if (request.routeOptions.url === PREFLIGHT_ROUTE) return await reply.code(204).header('content-length', '0').send();
      if (access?.kind !== 'scope') {
        if (!ALWAYS_ANSWERED.test(request.routeOptions.url ?? '')) places.take('public', request, reply);
        if (access?.kind !== 'callback' || (await callbacks.isExpected(tokenOf(request)))) return;
        return reply.send({ received: true });
      }
      const principal = await auth.authenticate(credentialOf(request));
      if (principal.kind === 'anonymous') pages?.checkOrigin(request);
      request.principal = principal;
      places.take('keyed', request, reply);
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

/** OpenAI's `Authorization`, or the header that Azure's clients have for the same. */
function credentialOf({ headers }: FastifyRequest): string | undefined {
  const { authorization, 'api-key': apiKey } = headers;
  return authorization || (typeof apiKey === 'string' ? apiKey : undefined);
}

function tokenOf(request: FastifyRequest): string {
  return (request.params as { readonly token?: string }).token ?? '';
}

/** The generation that the answer is about, from the headers that tell the caller. */
function generationFields(reply: FastifyReply): Readonly<Record<string, unknown>> {
  const found = Object.entries(GENERATION_FIELDS).map(([header, field]) => [field, reply.getHeader(header)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

function installMeasures(fastify: FastifyInstance, metrics: MetricsService): void {
  const logger = new Logger('Http');
  fastify.addHook('onRequest', (request, reply, done) => {
    metrics.requestStarted();
    // Also where the client left before there was an answer, of which the framework says nothing.
    whenOver(request, reply, () => {
      const route = request.is404 ? 'unmatched' : (request.routeOptions.url ?? 'unmatched');
      const status = reply.raw.headersSent ? reply.statusCode : CLIENT_LEFT;
      metrics.requestFinished(route, request.method, status, reply.elapsedTime / MILLISECONDS);
      const line = {
        message: `${request.method} ${route} ${status}`,
        requestId: request.id,
        method: request.method,
        route,
        status,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        ...(request.principal === undefined ? {} : { key: request.principal.label }),
        ...generationFields(reply),
      };
      // A probe comes every few seconds and says nothing.
      if (ALWAYS_ANSWERED.test(route)) logger.debug(line);
      else logger.log(line);
    });
    // Many requests may arrive in one turn of the event loop.
    const turn = requestShare.take();
    if (turn === undefined) done();
    else void turn.then(() => done());
  });
}

/** Behind the hook that finds out who is calling. */
function installRequestChecks(fastify: FastifyInstance, errors: ErrorResponder): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const problem = requestProblem(request);
    if (problem === undefined) done();
    else errors.respond(reply, request, problem);
  });
}

/** `keyed`: of callers whose key is known to be good. `public`: of everybody else. */
export type PlaceKind = 'keyed' | 'public';

/**
 * How many requests this process answers at a time. What anybody may ask for has few places of its own, so that nobody without a key
 * takes one from those who have one.
 */
export class Places {
  private readonly most: Readonly<Record<PlaceKind, number>>;
  private readonly taken: Record<PlaceKind, number> = { keyed: 0, public: 0 };

  constructor(
    { server }: Pick<Config, 'server'>,
    private readonly metrics: MetricsService,
  ) {
    this.most = { keyed: server.max_requests_in_flight, public: server.max_public_requests_in_flight };
  }

  /** Until the answer is out or the client has left. @throws ApiError `over_capacity` */
  take(kind: PlaceKind, request: FastifyRequest, reply: FastifyReply): void {
    if (this.taken[kind] >= this.most[kind]) {
      this.metrics.capacityRefused('process', 'in_flight');
      throw new ApiError('over_capacity', 'This process is at its limit of concurrent requests.', { retryAfterSeconds: 1 });
    }
    this.taken[kind] += 1;
    whenOver(request, reply, () => {
      this.taken[kind] -= 1;
    });
  }
}
