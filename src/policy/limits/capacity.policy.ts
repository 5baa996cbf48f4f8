import { ApiError } from '../../platform/common/index.js';

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
  /** All that wait, those included whose turn has come. */
  readonly queued: number;
  /** Those of them whose turn has come: they go before whoever asks now. */
  readonly called: number;
}

/** Which limit has no room, and of what. */
export interface CapacityRefusal {
  readonly limit: CapacityLimit;
  readonly what: 'in_flight' | 'queued';
}

export type CapacityVerdict =
  | { readonly kind: 'start' }
  /** `waitsFor` has no room; absent: there is room, but no process takes it up at once. */
  | { readonly kind: 'queue'; readonly waitsFor?: CapacityLimit }
  | { readonly kind: 'refuse'; readonly refusal: CapacityRefusal };

const RETRY_AFTER_SECONDS = 2;

export function capacityName({ scope, id }: Pick<CapacityLimit, 'scope' | 'id'>): string {
  return `${scope}:${id}`;
}

/**
 * What becomes of a request. It starts when every limit has room to which nobody was called who came first. Who waits for another limit
 * stands in nobody's way.
 * @param wants whether a vendor can be called for it at once, and whether it may wait in the queue
 */
export function judge(
  limits: readonly CapacityLimit[],
  countOf: (limit: CapacityLimit) => CapacityCount,
  wants: { readonly start: boolean; readonly queue: boolean },
): CapacityVerdict {
  const full = fullLimit(limits, countOf);
  if (wants.start && full === undefined) return { kind: 'start' };
  if (full !== undefined && !wants.queue) return { kind: 'refuse', refusal: { limit: full, what: 'in_flight' } };
  const crowded = limits.find((limit) => limit.maxQueued !== undefined && countOf(limit).queued >= limit.maxQueued);
  if (crowded !== undefined) return { kind: 'refuse', refusal: { limit: crowded, what: 'queued' } };
  return full === undefined ? { kind: 'queue' } : { kind: 'queue', waitsFor: full };
}

/** The first limit that has no room for one more. */
export function fullLimit(
  limits: readonly CapacityLimit[],
  countOf: (limit: CapacityLimit) => Pick<CapacityCount, 'inFlight' | 'called'>,
): CapacityLimit | undefined {
  return limits.find((limit) => roomOf(limit, countOf(limit)) <= 0);
}

/** How many more may start. */
export function roomOf({ maxInFlight }: CapacityLimit, { inFlight, called }: Pick<CapacityCount, 'inFlight' | 'called'>): number {
  return maxInFlight === undefined ? Number.POSITIVE_INFINITY : maxInFlight - inFlight - called;
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
  return new ApiError('over_capacity', `The gateway accepts ${bound} for ${id}.${advice}`, { ...wait, [scope]: id });
}
