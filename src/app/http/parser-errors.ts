import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, continueWhenRead, newRequestId } from '../../platform/common/index.js';
import { LONGEST_URL, uriTooLong } from './request-reading.js';

/** So long a client that is still sending gets to read why nobody listens any more. */
const LINGER_MS = 1_000;

/** Node's HTTP parser tells the raw packet and why it gave up. */
interface ParserError extends Error {
  readonly code?: string;
  readonly rawPacket?: unknown;
}

/** What the HTTP parser itself refuses, as the one error that callers see. */
export function parserError({ code, message, rawPacket }: ParserError): ApiError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return isLongRequestLine(rawPacket)
        ? uriTooLong()
        : new ApiError('headers_too_large', 'The headers are larger than 16 KiB together.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ApiError('body_too_large', 'The extensions of the body’s chunks are larger than 16 KiB together.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError('request_timeout', 'The request did not arrive in time.');
    default:
      return new ApiError('malformed_request', `This is not valid HTTP: ${message.replace(/^Parse Error: /, '')}.`);
  }
}

/** Whether the packet begins with a request whose first line alone is too long. */
function isLongRequestLine(packet: unknown): boolean {
  if (!Buffer.isBuffer(packet) || !/^[A-Z]{3,10} \//.test(packet.toString('latin1', 0, 16))) return false;
  const end = packet.indexOf(0x0a);
  return end === -1 ? packet.length > LONGEST_URL : end > LONGEST_URL;
}

const answered = new WeakSet<Socket>();

/** For Fastify's `clientErrorHandler`: no request, and so no reply, exists here. */
export function answerParserError(error: ParserError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || answered.has(socket)) return;
  answered.add(socket);
  // An answer that is under way must not get another one into its middle.
  const current = (socket as { _httpMessage?: { readonly headersSent?: boolean } | null })._httpMessage;
  if (!socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  socket.end(rawAnswer(parserError(error)));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function rawAnswer(error: ApiError): string {
  const id = newRequestId();
  const body = JSON.stringify(error.toBody(id));
  const headers = {
    ...error.toHeaders(),
    'x-request-id': id,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${lines.join('')}\r\n${body}`;
}

/** For Fastify's `frameworkErrors`: what its router refuses before any hook runs. */
export function answerRouterError(
  error: FastifyError,
  request: Pick<FastifyRequest, 'id'> & { readonly raw: { readonly url?: string } },
  reply: Pick<FastifyReply, 'code'>,
): void {
  const shown = routerError(error, request.raw.url ?? '');
  void reply
    .code(shown.status)
    .headers({ ...shown.toHeaders(), 'x-request-id': request.id, 'content-type': 'application/json; charset=utf-8' })
    .send(JSON.stringify(shown.toBody(request.id)));
}

function routerError({ code }: FastifyError, url: string): ApiError {
  if (url.length > LONGEST_URL) return uriTooLong();
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return new ApiError('not_found', 'No id is that long.', { param: 'id' });
  return new ApiError('malformed_request', 'The path cannot be decoded: its percent-encoding is not that of UTF-8.', { param: 'path' });
}

/** Requests that Node hands to nobody, or answers without a body. */
export function installServerAnswers({ server }: FastifyInstance): void {
  server.on('connect', (_request, socket: Socket) => {
    answered.add(socket);
    socket.on('error', () => socket.destroy());
    socket.end(rawAnswer(new ApiError('method_not_allowed', 'This is not a proxy: CONNECT is not supported.')));
  });
  server.on('checkContinue', (request, response) => {
    continueWhenRead(request, response);
    server.emit('request', request, response);
  });
  // Refused where every request is looked at, once it is known who asks.
  server.on('checkExpectation', (request, response) => void server.emit('request', request, response));
}
