import type { IncomingMessage } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { randomHex } from '../common/index.js';
import type { Config } from '../config/index.js';

const REQUEST_ID_DIGITS = 24;
const REQUEST_ID = /^[\w-]{8,128}$/;
/** OpenAI's SDKs wait ten minutes, and so must an idle socket of ours. */
const KEEP_ALIVE_MS = 620_000;

/** The same routes under `/openai/v1`, and a doubled slash is no reason for a 404. */
export function rewriteUrl(url: string): string {
  const end = url.indexOf('?');
  const path = (end === -1 ? url : url.slice(0, end)).replace(/\/{2,}/g, '/');
  const query = end === -1 ? '' : url.slice(end);
  return (path.startsWith('/openai/v1/') ? path.slice('/openai'.length) : path) + query;
}

export function createAdapter(config: Config): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: config.server.body_limit_bytes,
    trustProxy: config.server.trust_proxy,
    routerOptions: { maxParamLength: 512 },
    requestIdHeader: false,
    genReqId: ({ headers }: IncomingMessage) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : `req_${randomHex().slice(0, REQUEST_ID_DIGITS)}`;
    },
    rewriteUrl: ({ url }: IncomingMessage) => rewriteUrl(url ?? '/'),
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
  });
}
