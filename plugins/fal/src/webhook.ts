import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import {
  type CallContext,
  jobState,
  list,
  type OperationStatus,
  ProviderError,
  type RawDelivery,
  record,
  text,
  type WebhookResult,
} from '@litegen/plugin-sdk';
import { isCancelled, parsed, readFailure, vendorFailure } from './failures.js';
import type { FalOperation } from './operation.js';
import { type MediaKind, readResult } from './outputs.js';
import { readSettings } from './settings.js';

export type WebhookReader = (delivery: RawDelivery, operation: FalOperation, call: CallContext) => Promise<WebhookResult | null>;

/** How far a delivery's timestamp may be from now. */
export const TIMESTAMP_TOLERANCE_SECONDS = 300;

/** fal allows a day; an hour keeps a withdrawn key from being believed for long. */
const KEYS_LIFETIME_MS = 60 * 60 * 1000;
/** A signature that no cached key verifies may be made with a new one; forgeries must not cause a request each. */
const KEYS_REFRESH_MS = 60 * 1000;

/**
 * Reads fal's callbacks: Ed25519 over `request id \n user id \n timestamp \n hex(sha256(body))`, with the keys published
 * at `<rest_url>/.well-known/jwks.json`. The keys are kept for an hour.
 */
export function createWebhookReader(
  kind: MediaKind,
  ask: (operation: FalOperation, call: CallContext) => Promise<OperationStatus>,
): WebhookReader {
  const kept = new Map<string, { readonly keys: readonly JsonWebKey[]; readonly atMs: number }>();

  async function keysAt(url: string, call: CallContext, maxAgeMs: number): Promise<readonly JsonWebKey[]> {
    const known = kept.get(url);
    const nowMs = call.now().getTime();
    if (known !== undefined && nowMs - known.atMs < maxAgeMs) return known.keys;
    const response = await call.fetch(url);
    if (!response.ok)
      throw new ProviderError('unavailable', `fal: the webhook keys answered HTTP ${response.status}`, { vendorStatus: response.status });
    const keys = list(record(await response.json())?.keys)
      .map(record)
      .filter((key) => key?.kty === 'OKP' && key.crv === 'Ed25519' && text(key.x) !== undefined);
    kept.set(url, { keys: keys as JsonWebKey[], atMs: nowMs });
    return keys as JsonWebKey[];
  }

  return async (delivery, operation, call) => {
    const signed = signedParts(delivery, call);
    const body = record(parsed(Buffer.from(delivery.body).toString('utf8')));
    if (signed === undefined || body === undefined || text(body.request_id) !== operation.request_id) return null;
    const url = `${readSettings(call.options).restUrl}/.well-known/jwks.json`;
    const holds = async (maxAgeMs: number): Promise<boolean> => verifies(signed, await keysAt(url, call, maxAgeMs));
    if (!(await holds(KEYS_LIFETIME_MS)) && !(await holds(KEYS_REFRESH_MS))) return null;
    return readBody(kind, body, operation, call, ask);
  };
}

interface SignedParts {
  readonly message: Buffer;
  readonly signature: Buffer;
}

function signedParts({ headers, body }: RawDelivery, call: CallContext): SignedParts | undefined {
  const [requestId, userId, timestamp, signature] = ['request-id', 'user-id', 'timestamp', 'signature'].map((name) =>
    text(headers[`x-fal-webhook-${name}`]),
  );
  if (requestId === undefined || userId === undefined || timestamp === undefined || signature === undefined) return undefined;
  if (!/^\d{1,12}$/.test(timestamp) || !/^[0-9a-f]{128}$/i.test(signature)) return undefined;
  if (Math.abs(call.now().getTime() / 1000 - Number(timestamp)) > TIMESTAMP_TOLERANCE_SECONDS) return undefined;
  const digest = createHash('sha256').update(body).digest('hex');
  return { message: Buffer.from([requestId, userId, timestamp, digest].join('\n')), signature: Buffer.from(signature, 'hex') };
}

function verifies({ message, signature }: SignedParts, keys: readonly JsonWebKey[]): boolean {
  return keys.some((key) => {
    try {
      return verify(null, message, createPublicKey({ key, format: 'jwk' }), signature);
    } catch {
      // A key that cannot be read verifies nothing; another one may.
      return false;
    }
  });
}

/** `{status: OK | ERROR, payload, error?, payload_error?}`. What it leaves open, the queue is asked for. */
async function readBody(
  kind: MediaKind,
  body: Readonly<Record<string, unknown>>,
  operation: FalOperation,
  call: CallContext,
  ask: (operation: FalOperation, call: CallContext) => Promise<OperationStatus>,
): Promise<WebhookResult> {
  const payload = record(body.payload);
  const state = jobState(body.status);
  if (state === 'succeeded' && payload !== undefined) return { status: readResult(kind, payload, operation, {}, call) };
  if (state !== 'failed') return { status: await ask(operation, call) };
  // "Invalid status code: 422" is where a callback has the model's HTTP status.
  const status = Number(/status code:? (\d{3})/i.exec(text(body.error) ?? '')?.[1] ?? 0);
  const failure = readFailure({ status, body: payload ?? { error: body.error } });
  if (isCancelled(failure)) return { status: { state: 'cancelled', charged: 'unknown' } };
  return { status: { state: 'failed', error: vendorFailure(failure, call) } };
}
