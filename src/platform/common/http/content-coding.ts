import { pipeline, type Readable, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ApiError } from '../errors/index.js';

type Decoder = NodeJS.ReadWriteStream & Readable;

/** By the name of the content coding (RFC 9110, section 8.4.1). Nothing is inflated ahead of its reader. */
export const CONTENT_DECODERS: ReadonlyMap<string, () => Decoder> = new Map<string, () => Decoder>([
  ['gzip', () => zlib.createGunzip()],
  ['x-gzip', () => zlib.createGunzip()],
  ['deflate', () => zlib.createInflate()],
  ['br', () => zlib.createBrotliDecompress()],
  // Node has it from 22.15 on.
  ...('createZstdDecompress' in zlib ? [['zstd', zlib.createZstdDecompress as () => Decoder] as const] : []),
]);

/** Each costs what the one before it lets through. */
const MOST_CODINGS = 2;

/** The codings of a body in the order in which they were applied. @throws ApiError `unsupported_media_type` */
export function contentCodings(header: string | undefined): readonly string[] {
  const codings = (header ?? '')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  const unknown = codings.find((coding) => !CONTENT_DECODERS.has(coding));
  if (unknown !== undefined) throw unsupported(`The content coding ${JSON.stringify(unknown.slice(0, 40))} is not supported.`);
  if (codings.length > MOST_CODINGS) throw unsupported(`A body has at most ${MOST_CODINGS} content codings.`);
  return codings;
}

function unsupported(message: string): ApiError {
  const accepted = [...CONTENT_DECODERS.keys()];
  return new ApiError('unsupported_media_type', message, {
    param: 'content-encoding',
    accepted: ['identity', ...accepted],
    headers: { 'accept-encoding': accepted.join(', ') },
  });
}

/** What comes out of the decoders, as long as it is not too much. */
export class DecodedBody extends Transform {
  private bytes = 0;
  /** So far, before it was decoded. */
  receivedEncodedLength = 0;

  constructor(private readonly maxBytes: number) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error | null, chunk?: Buffer) => void): void {
    this.bytes += chunk.length;
    if (this.bytes > this.maxBytes) done(new ApiError('body_too_large', `The decoded body is larger than ${this.maxBytes} bytes.`));
    else done(null, chunk);
  }
}

/**
 * Undoes a body's content codings while it is read. What is too large ends the decoding, and what is broken fails it; the body itself
 * stays open, so that an answer can be sent.
 * @param maxBytes of the decoded body
 */
export function decodeBody(body: Readable, codings: readonly string[], maxBytes: number): DecodedBody {
  const decoders = codings.toReversed().map((coding) => (CONTENT_DECODERS.get(coding) as () => Decoder)());
  const [first] = decoders as [Decoder];
  const decoded = new DecodedBody(maxBytes);
  const fail = (): void => void first.destroy(new Error('The body breaks off'));
  const onClose = (): void => {
    if (!body.readableEnded) fail();
  };
  const count = (chunk: Buffer): void => {
    decoded.receivedEncodedLength += chunk.length;
  };
  pipeline([...decoders, decoded] as [Decoder, DecodedBody], () => {
    body.unpipe(first);
    for (const [event, listener] of [
      ['data', count],
      ['error', fail],
      ['close', onClose],
    ] as const)
      body.off(event, listener);
    // Whatever still comes is not looked at.
    body.resume();
  });
  body.on('data', count).once('error', fail).once('close', onClose);
  body.pipe(first);
  return decoded;
}

/** Whether a failure is that of a decoder whose input is not what it was said to be. */
export function isBrokenCoding(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^(Z_|ZSTD_|ERR__)/.test(code);
}
