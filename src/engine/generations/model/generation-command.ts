import type { JsonObject } from '@litegen/plugin-sdk';
import type { Principal } from '../../../domain/access/index.js';
import type { PlanInput } from '../../../domain/catalog/index.js';
import type { HeldReference, IngestedReference, ReferenceSource } from '../../../domain/storage/index.js';
import type { CacheDirectives } from '../../../policy/cache/index.js';
import type { Dialect } from './generation.types.js';
import type { RequestWebhook } from './generation-event.types.js';

/** What makes two requests of a tenant the same. */
export interface Idempotency {
  /** The caller's `Idempotency-Key`. */
  readonly key?: string;
  /** The client says that it sends this request again, as OpenAI's SDKs do by `x-stainless-retry-count`. */
  readonly isRetry: boolean;
  /** Whether a repetition without a key may be taken for a retry of a dropped connection. */
  readonly guard: boolean;
}

/** A request for media in the engine's terms, as every HTTP API makes one: what planning needs, by whom, and how it is to be answered. */
export interface GenerationCommand extends PlanInput {
  readonly principal: Principal;
  readonly requestId: string;
  /** As the caller wrote it: an id, an alias or a bare name. */
  readonly model: string;
  readonly prompt: string;
  /** Absent: one, because the caller did not ask. */
  readonly n?: number;
  readonly references: readonly CommandReference[];
  readonly extra?: JsonObject;
  /** Absent: as the principal has it. */
  readonly strict?: boolean;
  readonly user?: string;
  readonly metadata?: JsonObject;
  readonly partialImages: number;
  /** Whether the caller listens to a stream, which alone can show partial images. */
  readonly stream?: boolean;
  readonly dialect: Dialect;
  /** The video that it makes anew. */
  readonly remixOf?: string;
  /** How the answer is to be delivered, such as `response_format`; part of what makes two requests the same. */
  readonly delivery?: string;
  readonly idempotency?: Idempotency;
  /** Of a quote whose price is to hold. */
  readonly quoteId?: string;
  readonly webhook?: RequestWebhook;
  /** What the request says about the cache. */
  readonly cache?: CacheDirectives;
}

/** A price does not need the references themselves. */
export type QuotableCommand = Omit<GenerationCommand, 'references'> & {
  readonly references: readonly Pick<CommandReference, 'role' | 'param'>[];
};

export interface CommandReference {
  readonly role?: string;
  /** `ingested`: a file of the store. `held`: it came with the request, and goes into the store when that is admitted. */
  readonly source:
    | ReferenceSource
    | { readonly kind: 'ingested'; readonly reference: IngestedReference }
    | { readonly kind: 'held'; readonly reference: HeldReference };
  /** The field's path, for errors. */
  readonly param: string;
}
