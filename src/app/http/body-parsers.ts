import type { FastifyInstance, FastifyRequest } from 'fastify';
import { charsetOf, contentCodings, decodeBody, decodeText, LoopShare, parseJson } from '../../platform/common/index.js';

/** From here on a body keeps the process busy for milliseconds. */
const BIG_BODY_BYTES = 1_048_576;
/** Several of them in one turn of the event loop would be a pause for everybody else. */
const bigBodies = new LoopShare(1);

/**
 * Reads bodies other than forms: JSON in any charset that it declares, compressed or not. SDKs send `Content-Type: application/json`
 * with every request, also where there is no body. Callbacks are read raw, for their signatures.
 */
export function installBodyParsers(fastify: FastifyInstance): void {
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    const header = request.headers['content-encoding'];
    // A form is decoded by its reader, which has limits of its own.
    if (header === undefined || isRaw(request) || isForm(request)) return done(null, payload);
    try {
      const codings = contentCodings(header);
      done(null, codings.length === 0 ? payload : decodeBody(request.raw, codings, request.routeOptions.bodyLimit));
    } catch (error) {
      done(error as Error);
    }
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isRaw(request)) return done(null, body);
    if (body.length === 0) return done(null, undefined);
    const parse = (): void => {
      const { value, error } = jsonOf(body, request.headers['content-type']);
      done(error ?? null, value);
    };
    const turn = body.length < BIG_BODY_BYTES ? undefined : bigBodies.take();
    if (turn === undefined) parse();
    else void turn.then(parse);
  });
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isRaw(request) || (body.length === 0 && request.headers['content-type'] === undefined)) done(null, body);
    else done(Object.assign(new Error('Unsupported media type'), { statusCode: 415 }), undefined);
  });
}

function jsonOf(body: Buffer, contentType: string | undefined): { readonly value?: unknown; readonly error?: Error } {
  try {
    return { value: parseJson(decodeText(body, charsetOf(contentType))) };
  } catch (error) {
    return { error: error as Error };
  }
}

function isRaw({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.access?.kind === 'callback';
}

function isForm({ headers }: FastifyRequest): boolean {
  return /^multipart\/form-data/i.test(headers['content-type'] ?? '');
}
