import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { ProviderError, type ProviderErrorCode } from '../errors.js';
import { guarded } from './network-watch.js';

export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly headersTimeoutMs: number;
  readonly submits: boolean;
  readonly signal: AbortSignal;
}

/**
 * Sends one request and resolves with the response's headers. A request that failed before its connection stood cost
 * nothing; behind that point a submission's outcome is unknown.
 */
export function send(outgoing: OutgoingRequest): Promise<IncomingMessage> {
  return guarded(() => open(outgoing));
}

function open(outgoing: OutgoingRequest): Promise<IncomingMessage> {
  const { url, signal } = outgoing;
  return new Promise((resolve, reject) => {
    let connected = false;
    const fail = (code: ProviderErrorCode, message: string, cause?: unknown): void => {
      reject(new ProviderError(code, message, { charged: connected && outgoing.submits ? 'unknown' : 'no', cause }));
      request.destroy();
    };
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    // A socket of its own per request: a reused one would already be connected and hide the difference.
    const request = start(url, { method: outgoing.method, headers: outgoing.headers, agent: false });
    const timer = setTimeout(
      () => fail('timeout', `${url.host} sent no response headers within ${outgoing.headersTimeoutMs} ms`),
      outgoing.headersTimeoutMs,
    );
    const onAbort = (): void => fail('timeout', `the call to ${url.host} was given up`);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    request.on('socket', (socket) => {
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        connected = true;
      });
    });
    request.on('error', (error) => {
      settle();
      fail('unavailable', `no response from ${url.host}: ${(error as NodeJS.ErrnoException).code ?? error.message}`, error);
    });
    request.on('response', (response) => {
      settle();
      resolve(response);
    });
    request.on('close', settle);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else request.end(outgoing.body);
  });
}
