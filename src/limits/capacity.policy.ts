import { ApiError } from '../common/index.js';

export type CapacityScope = 'key' | 'application' | 'model' | 'provider';

/** How much of one key's, application's, model's or vendor's work there may be at once. */
export interface CapacityLimit {
  readonly scope: CapacityScope;
  readonly id: string;
  /** Generations that a vendor works on. Undefined: no bound. */
  readonly maxInFlight?: number;
  /** Generations that wait for their turn. Undefined: no bound. */
  readonly maxQueued?: number;
}

export interface CapacityCount {
  readonly inFlight: number;
  readonly queued: number;
}

/** Which limit has no room, and of what. */
export interface CapacityRefusal {
  readonly limit: CapacityLimit;
  readonly what: 'in_flight' | 'queued';
}

export type CapacityVerdict =
  | { readonly kind: 'start' }
  | { readonly kind: 'queue' }
  | { readonly kind: 'refuse'; readonly refusal: CapacityRefusal };

const RETRY_AFTER_SECONDS = 2;

export function capacityName({ scope, id }: Pick<CapacityLimit, 'scope' | 'id'>): string {
  return `${scope}:${id}`;
}

/**
 * What becomes of a request. It starts when every limit has room that nobody waits for: who came first goes first.
 * @param wants whether a vendor can be called for it at once, and whether it may wait in the queue
 */
export function judge(
  limits: readonly CapacityLimit[],
  countOf: (limit: CapacityLimit) => CapacityCount,
  wants: { readonly start: boolean; readonly queue: boolean },
): CapacityVerdict {
  const full = limits.find((limit) => !hasRoom(limit, countOf(limit)));
  if (wants.start && full === undefined) return { kind: 'start' };
  if (full !== undefined && !wants.queue) return { kind: 'refuse', refusal: { limit: full, what: 'in_flight' } };
  const crowded = limits.find(({ maxQueued }, index) => {
    const limit = limits[index];
    return limit !== undefined && maxQueued !== undefined && countOf(limit).queued >= maxQueued;
  });
  return crowded === undefined ? { kind: 'queue' } : { kind: 'refuse', refusal: { limit: crowded, what: 'queued' } };
}

function hasRoom({ maxInFlight }: CapacityLimit, { inFlight, queued }: CapacityCount): boolean {
  return maxInFlight === undefined || inFlight + queued < maxInFlight;
}

/** A caller's own limit is 429; what the gateway has room for is 503. */
export function capacityError({ limit, what }: CapacityRefusal): ApiError {
  const { scope, id, maxInFlight, maxQueued } = limit;
  const wait = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  const bound = what === 'in_flight' ? `${maxInFlight} generations at once` : `${maxQueued} generations waiting`;
  const advice = what === 'in_flight' ? ' Send `Prefer: respond-async` to wait in the queue instead.' : '';
  if (scope === 'key' || scope === 'application') {
    const owner = scope === 'key' ? 'This API key' : 'The application';
    return new ApiError('concurrency_limit_exceeded', `${owner} may have ${bound}.${advice}`, wait);
  }
  return new ApiError('over_capacity', `The gateway takes ${bound} for ${id}.${advice}`, { ...wait, [scope]: id });
}
