import type { Generation } from '../../generations/index.js';
import type { EventType } from '../endpoints/webhooks.types.js';

/** Standard Webhooks: payloads stay under 20 kB. Files are links, never base64. */
export const MAX_BODY_BYTES = 20_000;
type GenerationFailureDetail = NonNullable<Generation['error']>;

const MAX_MESSAGE_CHARACTERS = 2_000;

/** The fields of LiteGen's own Generation object, which its receivers read at the top of the body. */
const LITEGEN_FIELDS = [
  'id',
  'key_id',
  'model',
  'provider',
  'media_type',
  'status',
  'progress',
  'provider_job_id',
  'result_url',
  'error_message',
  'cost_usd',
  'created_at',
  'completed_at',
  'metadata',
  'org_id',
  'app_id',
] as const satisfies readonly (keyof Generation)[];

/** What is left out, in this order, until the rest is small enough. What was left out is found at `GET /v1/generations/{id}`. */
const CUTS: readonly ((generation: Generation) => Generation)[] = [
  (generation) => generation,
  (generation) => ({ ...generation, outputs: generation.outputs.map((output) => ({ ...output, revised_prompt: null })) }),
  (generation) => ({
    ...generation,
    error_message: generation.error_message?.slice(0, MAX_MESSAGE_CHARACTERS) ?? null,
    error: generation.error === null ? null : shortened(generation.error),
  }),
  (generation) => ({ ...generation, metadata: null }),
  (generation) => ({ ...generation, outputs: [] }),
];

/**
 * The body of an event about a generation. It is two things at once: Standard Webhooks' `{type, timestamp, data}`, and LiteGen's
 * Generation object, whose fields stand beside them.
 */
export function generationBody(type: EventType, generation: Generation, atMs: number): string {
  let cut = generation;
  let body = '';
  for (const make of CUTS) {
    cut = make(cut);
    body = merged(type, cut, atMs);
    if (Buffer.byteLength(body) <= MAX_BODY_BYTES) break;
  }
  return body;
}

function shortened({ provider_error: _vendor, ...error }: GenerationFailureDetail): GenerationFailureDetail {
  return { ...error, message: error.message.slice(0, MAX_MESSAGE_CHARACTERS) };
}

function merged(type: EventType, generation: Generation, atMs: number): string {
  const litegen = Object.fromEntries(LITEGEN_FIELDS.map((field) => [field, generation[field]]));
  return JSON.stringify({ type, timestamp: new Date(atMs).toISOString(), data: generation, ...litegen });
}

export interface DisabledEndpointFacts {
  readonly endpointId: string;
  readonly url: string;
  readonly reason: string;
  readonly failingSinceMs: number | null;
  readonly lastStatus: number | null;
  /** Deliveries that were given up with it. */
  readonly deadDeliveries: number;
}

export function endpointDisabledBody(facts: DisabledEndpointFacts, atMs: number): string {
  return JSON.stringify({
    type: 'endpoint.disabled',
    timestamp: new Date(atMs).toISOString(),
    data: {
      endpoint_id: facts.endpointId,
      url: facts.url,
      reason: facts.reason,
      failing_since: facts.failingSinceMs === null ? null : new Date(facts.failingSinceMs).toISOString(),
      last_status: facts.lastStatus,
      dead_deliveries: facts.deadDeliveries,
    },
  });
}
