import { hash } from 'node:crypto';
import { ApiError, canonicalJson } from '../../../platform/common/index.js';
import type { GenerationCommand } from './generation-command.js';

const LONGEST_KEY = 255;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** Of the header, in the API's document. */
export const IDEMPOTENCY_KEY = { type: 'string', maxLength: LONGEST_KEY, pattern: PRINTABLE.source };

/** What the admission writes beside the row. */
export interface IdempotentAdmission {
  readonly fingerprint: string;
  readonly key?: string;
  readonly expiresAtMs: number;
}

/** @throws ApiError `idempotency_key_invalid` */
export function checkIdempotencyKey(key: string): string {
  if (key.length > LONGEST_KEY || !PRINTABLE.test(key)) {
    throw new ApiError('idempotency_key_invalid', `Idempotency-Key is 1 to ${LONGEST_KEY} visible ASCII characters.`, {
      param: 'idempotency-key',
    });
  }
  return key;
}

/** SHA-256 of all that decides what is made and how it is delivered; uploads count by their content, not by their names. */
export function fingerprintOf(command: GenerationCommand): string {
  const { operation, model, prompt, n, params, extra, unknown, gateway, user, metadata, partialImages, stream, delivery } = command;
  const { quoteId, webhook } = command;
  // What the request says of it, not what its key or the configuration had to say at the time.
  const { strict = true } = command;
  const references = command.references.map(({ role, source }) => {
    switch (source.kind) {
      case 'ingested':
      case 'held':
        return { role, sha256: source.reference.blob.sha256 };
      case 'base64':
        return { role, base64: hash('sha256', source.value) };
      case 'url':
        return { role, url: source.url.length > 2048 ? hash('sha256', source.url) : source.url };
      case 'stream':
        throw new Error('A stream is stored before its request is compared');
    }
  });
  const facts = {
    operation,
    model,
    prompt,
    n,
    params,
    extra,
    unknown,
    gateway,
    strict,
    user,
    metadata,
    partialImages,
    stream,
    delivery,
    quoteId,
    webhook,
    references,
  };
  return hash('sha256', canonicalJson(facts));
}
