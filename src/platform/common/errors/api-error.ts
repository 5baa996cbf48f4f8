import { ERRORS, type ErrorCode, type ErrorDefinition } from './registry.js';

/** The budget that a price did not fit into, as callers see it. Amounts are US dollars. */
export interface RefusedBudget {
  level: string;
  subject: string;
  period: string;
  limit_usd: number;
  remaining_usd: number;
  required_usd: number;
  /** When the period ends, ISO 8601; null: never. */
  resets_at: string | null;
}

export interface ApiErrorDetails {
  /** The field's path as the caller wrote it, such as `reference_images[0].value`. */
  param?: string;
  model?: string;
  provider?: string;
  /** The vendor's own code and message, already free of secrets. */
  providerError?: { code?: string; message: string; status?: number };
  generationId?: string;
  /** What would be accepted, when that can be listed. */
  accepted?: readonly (string | number)[];
  retryAfterSeconds?: number;
  /** Which budget refused. */
  budget?: RefusedBudget;
  /** Overrides the registry's advice, such as false once money was spent. */
  shouldRetry?: boolean;
  /** Further response headers. */
  headers?: Record<string, string>;
  cause?: unknown;
}

/** The JSON that a failure answers with: OpenAI's envelope with LiteGen's fields. */
export interface ErrorBody {
  error: {
    message: string;
    type: string;
    code: string;
    param: string | null;
    status: number;
    request_id?: string;
    model?: string;
    provider?: string;
    provider_error?: { code?: string; message: string; status?: number };
    generation_id?: string;
    accepted?: readonly (string | number)[];
    budget?: RefusedBudget;
  };
}

/** The one error that the gateway's own code throws for anything that a caller may see. */
export class ApiError extends Error {
  readonly definition: ErrorDefinition;

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ApiErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ApiError';
    this.definition = ERRORS[code];
  }

  get status(): number {
    return this.definition.status;
  }

  toBody(requestId?: string): ErrorBody {
    const { param, model, provider, providerError, generationId, accepted, budget } = this.details;
    return {
      error: {
        message: this.message,
        type: this.definition.type,
        code: this.code,
        param: param ?? null,
        status: this.definition.status,
        ...(requestId === undefined ? {} : { request_id: requestId }),
        ...(model === undefined ? {} : { model }),
        ...(provider === undefined ? {} : { provider }),
        ...(providerError === undefined ? {} : { provider_error: providerError }),
        ...(generationId === undefined ? {} : { generation_id: generationId }),
        ...(accepted === undefined ? {} : { accepted }),
        ...(budget === undefined ? {} : { budget }),
      },
    };
  }

  /** Headers that go with the body. */
  toHeaders(): Record<string, string> {
    const { retryAfterSeconds, shouldRetry, headers } = this.details;
    return {
      'x-should-retry': String(shouldRetry ?? this.definition.retry),
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) }),
      ...headers,
    };
  }
}
