export type EgressErrorKind =
  | 'blocked'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'headers_timeout'
  | 'body_timeout'
  | 'total_timeout'
  | 'aborted'
  | 'reset'
  | 'too_large';

/** Why an outbound request came to nothing. The message may be shown to callers: it names hosts, never addresses or paths. */
export class EgressError extends Error {
  constructor(
    readonly kind: EgressErrorKind,
    message: string,
    /** Whether a byte of the request may have reached the other side. False means that nothing can have happened there. */
    readonly sent: boolean,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'EgressError';
  }
}

export function blocked(message: string): EgressError {
  return new EgressError('blocked', message, false);
}

const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|EPROTO)/;

/** Gives a failure of the HTTP client its kind. */
export function describeFailure(error: unknown, host: string, sent: boolean): EgressError {
  if (error instanceof EgressError) return error;
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  const make = (kind: EgressErrorKind, message: string): EgressError => new EgressError(kind, message, sent, error);
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return make('headers_timeout', `${host} sent no response headers in time`);
  if (code === 'UND_ERR_BODY_TIMEOUT') return make('body_timeout', `${host} stopped sending its response`);
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return make('connect', `no connection to ${host} in time`);
  if (code === 'UND_ERR_INVALID_ARG') return make('blocked', `the request to ${host} is malformed: ${String((error as Error).message)}`);
  if (TLS_CODE.test(code)) return make('tls', `no secure connection to ${host}: ${code}`);
  const detail = code === '' || code.startsWith('UND_ERR') ? '' : `: ${code}`;
  if (sent) return make('reset', `the connection to ${host} broke${detail}`);
  return make('connect', `no connection to ${host}${detail}`);
}
