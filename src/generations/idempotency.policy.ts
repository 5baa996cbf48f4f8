import { hash } from 'node:crypto';
import { ApiError, canonicalJson } from '../common/index.js';
import type { GenerationCommand } from './admission.service.js';

const LONGEST_KEY = 255;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** What makes two requests of a tenant the same. */
export interface Idempotency {
  /** The caller's `Idempotency-Key`. */
  readonly key?: string;
  /** The client says that it sends this request again, as OpenAI's SDKs do by `x-stainless-retry-count`. */
  readonly isRetry: boolean;
  /** Whether a repetition without a key may be taken for a retry of a dropped connection (R3). */
  readonly guard: boolean;
}

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
  const { operation, model, prompt, n, params, extra, unknown, gateway, strict, user, metadata, partialImages, stream, delivery } = command;
  const { quoteId, webhook } = command;
  const references = command.references.map(({ role, source }) => {
    switch (source.kind) {
      case 'ingested':
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
