import type { Server } from 'node:http';
import multipart from '@fastify/multipart';
import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyHttpOptions } from 'fastify';
import { rewriteUrl, SchemaValidator } from '../../api/shared/index.js';
import { CatalogService } from '../../domain/catalog/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import { type Config, passwordOf, proxiesOf } from '../../platform/config/index.js';
import type { SecretRegistry } from '../../platform/security/index.js';
import { AppModule } from '../app.module.js';
import { closeUnusedConnections } from './connections.js';
import { ErrorFilter } from './error.filter.js';
import { installHooks, requestIdOf } from './hooks.js';
import { serveOpenApi } from './openapi.js';
import { answerParserError, answerRouterError } from './parser-errors.js';

const MAX_PARTS = 64;
const MAX_FIELD_BYTES = 1_048_576;
/** OpenAI's SDKs wait ten minutes, and so must an idle socket of ours. */
const KEEP_ALIVE_MS = 620_000;
const MS_PER_SECOND = 1000;
const MAX_SEGMENT_CHARACTERS = 512;
/** Looks at connections within the time that headers have: so much later, at most, they are ended. */
const CHECKS = 4;

/** Response headers that a browser may read across origins. */
const EXPOSED_HEADERS = [
  'x-request-id',
  'x-litegen-generation-id',
  'x-litegen-cost',
  'x-litegen-cost-source',
  'x-litellm-response-cost',
  'x-litegen-budget-remaining',
  'x-litegen-cache',
  'age',
  'x-litegen-model',
  'x-litegen-provider',
  'x-litegen-dropped-params',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'retry-after',
  'location',
  'preference-applied',
  'idempotent-replayed',
  'openai-poll-after-ms',
  'deprecation',
  'sunset',
  'x-litegen-successor',
  'link',
  'content-range',
  'accept-ranges',
];

/** The whole application, not yet listening. */
export async function createApplication(
  config: Config,
  ground: { secrets: SecretRegistry; logger: LoggerService },
): Promise<NestFastifyApplication> {
  ground.secrets.add(
    config.master_key,
    config.secrets_key,
    config.storage.s3?.secret_access_key,
    passwordOf(config.database_url),
    passwordOf(config.redis.url),
    passwordOf(proxiesOf()?.httpProxy),
    passwordOf(proxiesOf()?.httpsProxy),
  );
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config, ground.secrets), createAdapter(config), {
    logger: ground.logger,
    bodyParser: false,
    abortOnError: false,
  });
  reportCatalog(app, ground.logger);
  closeUnusedConnections(app.getHttpAdapter().getInstance());
  await installHooks(app, config);
  app.useGlobalFilters(app.get(ErrorFilter));
  await app.register(multipart, {
    limits: { fileSize: config.server.upload_limit_bytes, parts: MAX_PARTS, fieldSize: MAX_FIELD_BYTES, fieldNameSize: 256 },
  });
  enableCors(app, config);
  // What the document says about bodies is what the API enforces.
  app.get(SchemaValidator, { strict: false }).useDocument(await serveOpenApi(app, config.server));
  return app;
}

/** A plugin whose YAML does not hold is out, with its reason; doubtful facts are worth a line. */
function reportCatalog(app: NestFastifyApplication, logger: LoggerService): void {
  const catalog = app.get(CatalogService);
  const registry = app.get(ProviderRegistry);
  for (const { providerId, problems } of catalog.rejections()) {
    const plugin = registry.provider(providerId)?.pluginId;
    if (plugin !== undefined) registry.rejectModels(plugin, problems.join('; '));
  }
  for (const warning of catalog.warnings()) logger.warn(warning, 'Catalog');
}

function enableCors(app: NestFastifyApplication, config: Config): void {
  const { allowed_origins: origins, allow_credentials: credentials } = config.cors;
  if (origins.length === 0) return;
  const any = origins.includes('*');
  app.enableCors({
    origin: any ? '*' : [...origins],
    // A wildcard with credentials is refused by browsers, so credentials need named origins.
    credentials: credentials && !any,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600,
    // Answered with everything else, so that what is no preflight is refused as everything else is.
    strictPreflight: false,
    preflightContinue: true,
  });
}

function createAdapter(config: Config): FastifyAdapter {
  const { body_timeout_seconds: requestSeconds, headers_timeout_seconds: headersSeconds } = config.server;
  const requestTimeout = Math.ceil(requestSeconds * MS_PER_SECOND);
  const headersTimeout = Math.min(requestTimeout, Math.ceil(headersSeconds * MS_PER_SECOND));
  const options: FastifyHttpOptions<Server> = {
    bodyLimit: config.server.body_limit_bytes,
    trustProxy: config.server.trust_proxy,
    routerOptions: { maxParamLength: MAX_SEGMENT_CHARACTERS },
    requestIdHeader: false,
    genReqId: requestIdOf,
    rewriteUrl,
    clientErrorHandler: answerParserError,
    frameworkErrors: answerRouterError,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout,
    http: {
      // A missing Host is refused as everything else is.
      requireHostHeader: false,
      requestTimeout,
      headersTimeout,
      connectionsCheckingInterval: Math.ceil(headersTimeout / CHECKS),
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
  };
  return new FastifyAdapter(options);
}
