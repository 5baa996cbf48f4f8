import { pipeline, type Readable } from 'node:stream';
import { CONTENT_DECODERS } from '../common/index.js';
import { EgressError } from './egress.errors.js';

/** Passes a body on until it exceeds `maxBytes`, whatever its `content-length` said. @throws EgressError `too_large` */
export async function* capped(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new EgressError('too_large', `the response exceeds ${maxBytes} bytes`, true);
    yield chunk;
  }
}

/**
 * Undoes a compression that the server applied although it was asked not to. Reading the result through {@link capped}
 * caps the decompressed size, because nothing is inflated ahead of the reader.
 */
export function decoded(body: Readable, encoding: string | undefined): Readable {
  const create = CONTENT_DECODERS.get(encoding?.trim().toLowerCase() ?? '');
  if (create === undefined) return body;
  const decoder = create();
  pipeline(body, decoder, () => undefined);
  return decoder;
}
