import type { IncomingMessage, Server } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyHttpOptions } from 'fastify';
import { rewriteUrl } from '../../platform/common/index.js';
import type { Config } from '../../platform/config/index.js';
import { answerParserError, answerRouterError, newRequestId } from './parser-errors.js';

const REQUEST_ID = /^[\w-]{8,128}$/;
/** OpenAI's SDKs wait ten minutes, and so must an idle socket of ours. */
const KEEP_ALIVE_MS = 620_000;
const MS_PER_SECOND = 1000;
const MAX_SEGMENT_CHARACTERS = 512;
/** Looks at connections within the time that headers have: so much later, at most, they are ended. */
const CHECKS = 4;

export function createAdapter(config: Config): FastifyAdapter {
  const { body_timeout_seconds: requestSeconds, headers_timeout_seconds: headersSeconds } = config.server;
  const requestTimeout = Math.ceil(requestSeconds * MS_PER_SECOND);
  const headersTimeout = Math.min(requestTimeout, Math.ceil(headersSeconds * MS_PER_SECOND));
  const options: FastifyHttpOptions<Server> = {
    bodyLimit: config.server.body_limit_bytes,
    trustProxy: config.server.trust_proxy,
    routerOptions: { maxParamLength: MAX_SEGMENT_CHARACTERS },
    requestIdHeader: false,
    genReqId: ({ headers }: IncomingMessage) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : newRequestId();
    },
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
