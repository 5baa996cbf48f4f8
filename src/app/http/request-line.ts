import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError, printable, textProblem, unmetExpectation } from '../../platform/common/index.js';
import type { ErrorResponder } from './error.filter.js';

/** Path and query together. Node's own limit holds for them and all headers. */
export const LONGEST_URL = 8192;
const LONGEST_SHOWN = 100;

/** Refuses what no route could make sense of. Installed behind the hook that finds out who is calling. */
export function installRequestLineChecks(fastify: FastifyInstance, errors: ErrorResponder): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const problem = problemOf(request);
    if (problem === undefined) done();
    else errors.respond(reply, request, problem);
  });
}

export function uriTooLong(): ApiError {
  return new ApiError('uri_too_long', `Path and query may have at most ${LONGEST_URL} characters together.`);
}

function problemOf(request: FastifyRequest): ApiError | undefined {
  const { raw, params, query } = request;
  const url = raw.url ?? '';
  if (url.length > LONGEST_URL) return uriTooLong();
  // HTTP/1.0 knows no Host. Node's own refusal would have no body.
  if (raw.headers.host === undefined && raw.httpVersion === '1.1') {
    return new ApiError('malformed_request', 'An HTTP/1.1 request must have a Host header.', { param: 'host' });
  }
  const problem = headerProblem(request);
  if (problem !== undefined) return problem;
  // Only what is encoded can hold anything else than visible ASCII.
  if (!url.includes('%')) return undefined;
  const undecodable = queryOf(url).find((pair) => !isDecodable(pair));
  if (undecodable !== undefined) {
    const name = undecodable.slice(0, LONGEST_SHOWN).replace(/=.*/s, '');
    return new ApiError('invalid_query', `The query cannot be decoded: the percent-encoding at ${name} is not that of UTF-8.`, {
      param: name,
    });
  }
  for (const [name, value] of Object.entries(query as Readonly<Record<string, unknown>>)) {
    const problem =
      textProblem(name) ??
      [value]
        .flat()
        .map((text) => textProblem(String(text)))
        .find((found) => found !== undefined);
    if (problem !== undefined) return new ApiError('invalid_query', `${printable(name)} ${problem}.`, { param: printable(name) });
  }
  const [named] = Object.entries((params ?? {}) as Readonly<Record<string, string>>).filter(
    ([, value]) => textProblem(value) !== undefined,
  );
  return named === undefined
    ? undefined
    : new ApiError('not_found', `There is nothing with the ${named[0]} ${printable(named[1])}.`, { param: named[0] });
}

/** What a client wants of the connection that it cannot have. */
function headerProblem({ raw }: FastifyRequest): ApiError | undefined {
  if (raw.headers.expect === undefined && raw.headers['transfer-encoding'] === undefined) return undefined;
  const expectation = unmetExpectation(raw);
  if (expectation !== undefined) {
    const shown = printable(expectation.slice(0, LONGEST_SHOWN));
    return new ApiError('expectation_failed', `Expect: ${shown} cannot be met; there is only 100-continue.`, {
      param: 'expect',
      accepted: ['100-continue'],
    });
  }
  const codings = (raw.headers['transfer-encoding'] ?? '').split(',').map((coding) => coding.trim().toLowerCase());
  const coding = codings.find((one) => one !== '' && one !== 'chunked');
  return coding === undefined
    ? undefined
    : new ApiError(
        'unsupported_media_type',
        `The transfer coding ${printable(coding.slice(0, LONGEST_SHOWN))} is not supported; declare compression in Content-Encoding.`,
        { param: 'transfer-encoding', accepted: ['chunked'] },
      );
}

function queryOf(url: string): string[] {
  const start = url.indexOf('?');
  return start === -1 ? [] : url.slice(start + 1).split('&');
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
