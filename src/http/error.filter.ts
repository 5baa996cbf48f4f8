import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, type ErrorCode } from '../common/index.js';
import { isUnavailable } from '../database/index.js';
import { SecretRegistry } from '../security/index.js';
import { RouteTable } from './route-table.js';

/** What the framework's own failures are called. */
const FRAMEWORK_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'malformed_request',
  401: 'authentication_required',
  403: 'forbidden',
  404: 'route_not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  409: 'conflict',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  416: 'range_not_satisfiable',
  429: 'rate_limit_exceeded',
  431: 'headers_too_large',
  503: 'service_unavailable',
};

/** A failover of a database takes some seconds. */
const RETRY_AFTER_SECONDS = 2;

/** Anything thrown, as the one error that callers see. What nobody foresaw becomes `internal_error` without a detail. */
export function toApiError(thrown: unknown, request?: FastifyRequest): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (isUnavailable(thrown)) {
    return new ApiError('database_unavailable', 'The database does not answer at the moment. Nothing was sent to a vendor.', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      cause: thrown,
    });
  }
  const status = thrown instanceof HttpException ? thrown.getStatus() : (thrown as { statusCode?: unknown } | null)?.statusCode;
  const code = typeof status === 'number' ? FRAMEWORK_CODES[status] : undefined;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (code === undefined)
    return new ApiError('internal_error', 'Something went wrong in the gateway. The request id names it in the logs.', { cause: thrown });
  if (code === 'unsupported_media_type') {
    return new ApiError(code, `The content type ${request?.headers['content-type'] ?? '(none)'} is not supported here.`, {
      param: 'content-type',
      accepted: ['application/json', 'multipart/form-data'],
    });
  }
  if (code === 'malformed_request' && /JSON|Unexpected|property name|Bad control character/i.test(message)) {
    return new ApiError('invalid_json', `The body is not valid JSON: ${message}`);
  }
  return new ApiError(code, message, { cause: thrown });
}

/** Writes failures: JSON in one envelope, with the request id, and without any secret that a vendor echoed. */
@Injectable()
export class ErrorResponder {
  private readonly logger = new Logger('Errors');

  constructor(
    private readonly secrets: SecretRegistry,
    private readonly routes: RouteTable,
  ) {}

  /** What passes by itself is worth a line, and only a defect its stack. */
  private report({ code, status, definition, cause, stack }: ApiError, text: string, requestId: string): void {
    if (status < 500 || definition.fault === 'vendor' || definition.fault === 'nobody') return;
    const message = `${code}: ${text}`;
    if (definition.retry) this.logger.warn({ message, requestId, ...(cause instanceof Error ? { cause: cause.message } : {}) });
    else this.logger.error({ message, requestId, stack: cause instanceof Error ? (cause.stack ?? cause.message) : stack });
  }

  respond(reply: FastifyReply, request: FastifyRequest, thrown: unknown): void {
    const error = request.is404 ? this.routes.miss(request.method, request.url) : toApiError(thrown, request);
    const text = this.secrets.redactText(error.message);
    this.report(error, text, request.id);
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    void reply
      .code(error.status)
      .headers(error.toHeaders())
      .header('content-type', 'application/json; charset=utf-8')
      .send(this.secrets.redactText(JSON.stringify(error.toBody(String(request.id)))));
  }
}

/** Nest's way to {@link ErrorResponder}. */
@Injectable()
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly responder: ErrorResponder) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.responder.respond(http.getResponse<FastifyReply>(), http.getRequest<FastifyRequest>(), thrown);
  }
}
