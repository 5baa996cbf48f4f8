import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakSet<IncomingMessage>();

/**
 * Sends `100 Continue` when somebody begins to read the body, and not before: a client that is refused hears that before it has sent
 * megabytes in vain. Node ends the connection after an answer without it, as the body may follow or not.
 */
export function continueWhenRead(request: IncomingMessage, response: ServerResponse): void {
  const read = request._read;
  waiting.add(request);
  request._read = function (this: IncomingMessage, bytes: number): void {
    request._read = read;
    waiting.delete(request);
    if (!response.headersSent) response.writeContinue();
    read.call(this, bytes);
  };
}

/** Whether the client has not been told to send its body. */
export function isHoldingItsBody(request: IncomingMessage): boolean {
  return waiting.has(request);
}

/** What the header `Expect` asks for beside `100-continue`, which is all that there is (RFC 9110, section 10.1.1). HTTP/1.0 has no such header. */
export function unmetExpectation({ headers, httpVersion }: Pick<IncomingMessage, 'headers' | 'httpVersion'>): string | undefined {
  if (httpVersion === '1.0') return undefined;
  const expectations = (headers.expect ?? '').split(',').map((expectation) => expectation.trim());
  return expectations.find((expectation) => expectation !== '' && expectation.toLowerCase() !== '100-continue');
}
