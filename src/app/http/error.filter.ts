import { validateHeaderValue } from 'node:http';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, awayText, type ErrorCode, isBrokenCoding, unavailableCode } from '../../platform/common/index.js';
import { isUnavailable } from '../../platform/database/index.js';
import { SecretRegistry } from '../../platform/security/index.js';
import { RouteTable } from './request-reading.js';

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
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  416: 'range_not_satisfiable',
  429: 'rate_limit_exceeded',
  431: 'headers_too_large',
  503: 'service_unavailable',
};

const UNFORESEEN = 'Something went wrong in the gateway. Look for the request id in the logs.';

/** A failover of a database takes some seconds. */
const RETRY_AFTER_SECONDS = 2;

/** Anything thrown, as the one error that callers see. What nobody foresaw becomes `internal_error` without a detail. */
export function toApiError(thrown: unknown, request?: FastifyRequest): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (isUnavailable(thrown)) {
    return new ApiError(unavailableCode(thrown), `${awayText(thrown)} Nothing was sent to a vendor.`, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      cause: thrown,
    });
  }
  if (isBrokenCoding(thrown)) return new ApiError('invalid_encoding', brokenCoding(request), { param: 'content-encoding', cause: thrown });
  const status = thrown instanceof HttpException ? thrown.getStatus() : (thrown as { statusCode?: unknown } | null)?.statusCode;
  const code = typeof status === 'number' ? FRAMEWORK_CODES[status] : undefined;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (code === undefined) return new ApiError('internal_error', UNFORESEEN, { cause: thrown });
  if (code === 'unsupported_media_type') {
    return new ApiError(code, `The content type ${request?.headers['content-type'] ?? '(none)'} is not supported here.`, {
      param: 'content-type',
      accepted: ['application/json', 'multipart/form-data'],
    });
  }
  return new ApiError(code, message, { cause: thrown });
}

function brokenCoding(request: FastifyRequest | undefined): string {
  return `The body is not what its content-encoding ${String(request?.headers['content-encoding'] ?? '').slice(0, 40)} says.`;
}

/** Writes failures: JSON in one envelope, with the request id, and without any secret that a vendor echoed. */
@Injectable()
export class ErrorResponder {
  private readonly logger = new Logger('Errors');

  constructor(
    private readonly secrets: SecretRegistry,
    private readonly routes: RouteTable,
  ) {}

  respond(reply: FastifyReply, request: FastifyRequest, thrown: unknown): void {
    const error = this.errorOf(request, thrown);
    this.report(error, request.id);
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const { headers, body } = this.shown(error, request.id);
    // A target that is no path, such as `*`, comes here past every hook.
    void reply
      .code(error.status)
      .headers({ ...headers, 'x-request-id': request.id, 'content-type': 'application/json; charset=utf-8' })
      .send(body);
  }

  private errorOf(request: FastifyRequest, thrown: unknown): ApiError {
    try {
      return request.is404 ? this.routes.miss(request.method, request.url) : toApiError(thrown, request);
    } catch {
      // It could be anything that a plugin or a library throws, down to an object that cannot even be printed.
      return new ApiError('internal_error', UNFORESEEN, { cause: thrown });
    }
  }

  /** What passes by itself is worth a line, and only a defect its stack. What goes wrong here takes nothing from the answer. */
  private report({ code, status, definition, message, cause, stack }: ApiError, requestId: string): void {
    if (status < 500 || definition.fault === 'vendor' || definition.fault === 'nobody') return;
    try {
      const line = `${code}: ${this.secrets.redactText(message)}`;
      if (definition.retry) this.logger.warn({ message: line, requestId, ...(cause instanceof Error ? { cause: cause.message } : {}) });
      else this.logger.error({ message: line, requestId, stack: cause instanceof Error ? (cause.stack ?? cause.message) : stack });
    } catch (failure) {
      this.logger.error({ message: `${code}: its report failed`, requestId, stack: String((failure as Error).stack) });
    }
  }

  /** Of an error whose details cannot be written, what is left of it without them. */
  private shown(error: ApiError, requestId: string): { headers: Record<string, string>; body: string } {
    try {
      const headers = error.toHeaders();
      for (const [name, value] of Object.entries(headers)) validateHeaderValue(name, value);
      return { headers, body: this.secrets.redactText(JSON.stringify(error.toBody(requestId))) };
    } catch {
      const plain = new ApiError(error.code, UNFORESEEN);
      return { headers: plain.toHeaders(), body: JSON.stringify(plain.toBody(requestId)) };
    }
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
