import type { LinkSigner } from '../../../domain/storage/index.js';
import { formatUsd, type Micros, microsToUsd, type ResponseHeaders } from '../../../platform/common/index.js';
import { type AttemptEntity, hasJob } from '../model/attempt.entity.js';
import type { GenerationRecord } from '../model/end.js';
import { failureOf } from '../model/failure-of.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import { publicStatus } from '../model/generation.status.js';
import type { GenerationView } from './generations.queries.js';
import type { Generation, GenerationDetail, GenerationFailureDetail, GenerationOutput } from './public-generation.dto.js';

/** Makes a link to an asset. */
export type Linker = (asset: { readonly id: string }) => string;

/** Links that lead back to where the caller came from, unless the gateway has a public address. */
export function linkerFor(links: LinkSigner, request: { readonly protocol: string; readonly host: string }): Linker {
  // What a proxy says is a header like any other.
  const scheme = request.protocol === 'https' ? 'https' : 'http';
  return (asset) => links.urlFor(asset, `${scheme}://${request.host}`);
}

/** What the short form of a generation is made of. */
export type GenerationFacts = Pick<GenerationView, 'generation' | 'outputs'> & {
  /** See {@link vendorJobOf}. */
  readonly vendorJobId: string | null;
};

export function toGeneration({ generation, outputs, vendorJobId }: GenerationFacts, link: Linker): Generation {
  const linked = outputs.map(
    (output): GenerationOutput => ({
      id: output.id,
      url: link(output),
      content_type: output.contentType,
      bytes: output.bytes,
      width: output.width,
      height: output.height,
      duration_ms: output.durationMs,
      revised_prompt: output.revisedPrompt,
    }),
  );
  return {
    id: generation.id,
    key_id: generation.keyId,
    model: generation.model,
    requested_model: generation.requestedModel,
    provider: generation.provider,
    media_type: generation.mediaType,
    operation: generation.operation,
    status: publicStatus(generation.status),
    progress: generation.progress,
    provider_job_id: vendorJobId,
    result_url: linked[0]?.url ?? null,
    outputs: linked,
    error_message: generation.errorMessage,
    error: failureDetail(generation),
    cost_usd: microsToUsd(generation.costMicros ?? 0),
    cost_source: generation.costSource,
    cached_from: generation.cachedFrom,
    cancel_requested_at: isoOrNull(generation.cancelRequestedAt),
    created_at: iso(generation.createdAt),
    started_at: isoOrNull(generation.startedAt),
    completed_at: isoOrNull(generation.completedAt),
    metadata: generation.metadata,
    org_id: generation.orgId,
    app_id: generation.appId,
  };
}

/** @param remainingMicros null: nothing is bounded */
export function toGenerationDetail(view: Omit<GenerationView, 'inputs'>, link: Linker, remainingMicros: Micros | null): GenerationDetail {
  const { generation, attempts } = view;
  const { quote } = generation;
  const { prompt, n, params, extra, inputRoles, strict } = generation.request;
  return {
    ...toGeneration({ ...view, vendorJobId: vendorJobOf(attempts) }, link),
    request: {
      prompt,
      n,
      params,
      extra,
      reference_roles: inputRoles,
      strict,
      user: generation.endUser,
      webhook_url: generation.webhookUrl,
      webhook_events: generation.webhookEvents,
    },
    receipt: generation.receipt,
    quote: {
      id: quote.id ?? null,
      amount_usd: microsToUsd(quote.amountMicros),
      ceiling_usd: microsToUsd(quote.ceilingMicros),
      exact: quote.exact,
    },
    hold: { amount_usd: microsToUsd(generation.holdMicros), state: generation.holdState },
    usage: generation.usage,
    budget_remaining_usd: remainingMicros === null ? null : microsToUsd(remainingMicros),
    attempts: attempts.map(toAttempt),
  };
}

function failureDetail(generation: GenerationEntity): GenerationFailureDetail | null {
  if (generation.status !== 'failed') return null;
  const { accepted, ...error } = failureOf(generation).toBody().error;
  const charged = generation.errorDetails?.['charged'];
  return {
    ...error,
    ...(accepted === undefined ? {} : { accepted: [...accepted] }),
    ...(charged === 'no' || charged === 'yes' || charged === 'unknown' ? { charged } : {}),
  };
}

function toAttempt(attempt: AttemptEntity): GenerationDetail['attempts'][number] {
  return {
    id: attempt.id,
    ordinal: attempt.ordinal,
    provider: attempt.provider,
    model: attempt.model,
    state: publicState(attempt),
    charged: attempt.charged,
    provider_job_id: attempt.vendorJobId,
    provider_request_id: attempt.vendorRequestId,
    error_code: attempt.errorCode,
    error_message: attempt.errorMessage,
    warnings: attempt.warnings ?? [],
    created_at: iso(attempt.sentAt ?? attempt.createdAt),
    accepted_at: isoOrNull(attempt.acceptedAt),
    finished_at: isoOrNull(attempt.finishedAt),
  };
}

/** The job of the attempt that succeeded, else of the last one. @param attempts in their order */
export function vendorJobOf(attempts: readonly Pick<AttemptEntity, 'state' | 'vendorJobId'>[]): string | null {
  return (attempts.find(({ state }) => state === 'succeeded') ?? attempts.at(-1))?.vendorJobId ?? null;
}

/** That files are being fetched is told by the generation's status. */
function publicState(attempt: AttemptEntity): GenerationDetail['attempts'][number]['state'] {
  if (attempt.state !== 'fetching') return attempt.state;
  return hasJob(attempt) ? 'accepted' : 'sent';
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

/** LiteGen knows two sources of a cost: what the vendor said, and what the price list says. */
export function publicCostSource(source: string | null): 'dynamic' | 'estimated' {
  return source === null || source === 'catalog' || source === 'quote' ? 'estimated' : 'dynamic';
}

const TEXT = { type: 'string' } as const;
const DECIMAL = { ...TEXT, pattern: '^\\d+(\\.\\d+)?$' };

/** What {@link generationHeaders} makes, in the API's document. */
export const GENERATION_HEADERS: ResponseHeaders = {
  'x-litegen-generation-id': { description: 'The generation.', schema: TEXT },
  'x-litegen-cost': { description: 'US dollars; expected until it is known.', schema: DECIMAL },
  'x-litellm-response-cost': { description: 'The same, where LiteLLM looks for it.', schema: DECIMAL },
  'x-litegen-cost-source': { description: '`dynamic` or `estimated`.', schema: { type: 'string', enum: ['dynamic', 'estimated'] } },
  'x-litegen-model': { description: 'Catalogue id.', schema: TEXT },
  'x-litegen-provider': { description: 'The vendor.', schema: TEXT },
  'x-litegen-budget-remaining': {
    description: 'The least that any budget has left, US dollars. Absent: nothing is bounded.',
    schema: TEXT,
  },
};

/**
 * Headers that tell about a generation, for clients that drop fields which they do not know.
 * @param remainingMicros the least that any of its budgets has left; null or absent: nothing is bounded, or nobody looked
 */
export function generationHeaders(
  { generation }: Pick<GenerationRecord, 'generation'>,
  remainingMicros: Micros | null = null,
): Record<string, string> {
  const cost = formatUsd(generation.costMicros ?? generation.quote.amountMicros);
  return {
    'x-litegen-generation-id': generation.id,
    'x-litegen-cost': cost,
    // Where LiteLLM looks for what a call cost.
    'x-litellm-response-cost': cost,
    'x-litegen-cost-source': publicCostSource(generation.costSource),
    'x-litegen-model': headerText(generation.model),
    'x-litegen-provider': generation.provider,
    ...(remainingMicros === null ? {} : { 'x-litegen-budget-remaining': formatUsd(remainingMicros) }),
  };
}

/** Operators may name models as they like; a header may not hold everything. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}
