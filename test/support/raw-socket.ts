import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What is sent; a function is waited for before the next part. */
export type RawParts = readonly (string | Buffer | (() => Promise<unknown>))[];

const PATIENCE_MS = 20_000;

/**
 * Sends bytes as they are and answers what comes back first.
 * @throws Error when the connection ends, or nothing comes, before an answer is complete
 */
export function sendRaw(url: string, ...parts: RawParts): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let received = Buffer.alloc(0);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      finish();
    };
    const fail = (why: string): void => settle(() => reject(new Error(`${why}; received ${JSON.stringify(received.toString('latin1'))}`)));
    const timer = setTimeout(() => fail('no answer came'), PATIENCE_MS);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const answer = parseAnswer(received);
      if (answer !== undefined) settle(() => resolve(answer));
    });
    socket.on('end', () => fail('the connection ended without a whole answer'));
    // Whoever stops listening may cut what is still being sent; its answer may be here all the same.
    socket.on('error', (error) => setTimeout(() => fail(error.message), 100));
    void (async () => {
      for (const part of parts) {
        if (typeof part === 'function') await part();
        else if (!socket.destroyed) socket.write(part);
      }
    })();
  });
}

/** Sends bytes as they are and goes away, whatever is answered. */
export async function sendAndLeave(url: string, ...parts: RawParts): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined).resume();
  for (const part of parts) {
    if (typeof part === 'function') await part();
    else await new Promise((written) => socket.write(part, written));
  }
  socket.destroy();
}

/** Undefined until it is complete. */
function parseAnswer(bytes: Buffer): RawAnswer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(first.split(' ')[1]);
  const rest = bytes.subarray(end + 4);
  if (status === 100) return parseAnswer(rest);
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const),
  );
  const length = headers.get('content-length');
  if (length === undefined || rest.length < Number(length)) return undefined;
  return { status, headers, body: rest.toString('utf8', 0, Number(length)) };
}

/** A request's bytes, with the headers as they are given. */
export function rawRequest(line: string, headers: readonly string[] = [], body: string | Buffer = ''): Buffer {
  return Buffer.concat([Buffer.from([line, ...headers, '', ''].join('\r\n'), 'latin1'), Buffer.from(body)]);
}
