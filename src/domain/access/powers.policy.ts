import type { Micros } from '../../platform/common/index.js';
import { matchesGlob, SCOPES, type Scope } from './access.js';

/** What a key may do. Null: no bound. */
export interface Powers {
  readonly scopes: readonly Scope[];
  /** Catalogue ids or globs. */
  readonly allowedModels: readonly string[] | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null;
  readonly quotaMicros: Micros | null;
  /** Requests per minute. */
  readonly rpmLimit: number | null;
  readonly maxInFlight: number | null;
  readonly maxQueued: number | null;
}

export interface Excess {
  /** The field of the API that asks for more. */
  readonly param: string;
  readonly message: string;
  /** What would be within. */
  readonly accepted?: readonly string[];
}

const NUMBERS = {
  quotaMicros: 'token_quota',
  rpmLimit: 'rpm_limit',
  maxInFlight: 'max_in_flight',
  maxQueued: 'max_queued',
} as const satisfies Partial<Record<keyof Powers, string>>;

/** The first of these powers that goes beyond what the other key has. Those that are not named are not looked at. */
export function excessOf(wanted: Partial<Powers>, own: Powers): Excess | undefined {
  const { scopes = [], allowedModels, expiresAt } = wanted;
  const further = scopes.filter((scope) => !own.scopes.includes(scope));
  if (further.length > 0) {
    return {
      param: 'scopes',
      message: `it has no "${further.join('", "')}" itself`,
      accepted: SCOPES.filter((one) => own.scopes.includes(one)),
    };
  }
  if (allowedModels !== undefined && own.allowedModels !== null && !areWithin(allowedModels, own.allowedModels)) {
    return { param: 'allowed_models', message: 'it may not use all of these models itself', accepted: own.allowedModels };
  }
  if (expiresAt !== undefined && !isWithin(expiresAt, own.expiresAt)) {
    const end = new Date(own.expiresAt ?? 0).toISOString();
    return { param: 'expires_at', message: `it ends itself at ${end}`, accepted: [end] };
  }
  for (const [power, param] of Object.entries(NUMBERS) as [keyof typeof NUMBERS, string][]) {
    const value = wanted[power];
    if (value !== undefined && !isWithin(value, own[power])) return { param, message: 'its own limit is lower' };
  }
  return undefined;
}

/** What is changed and asks for more than was there before. */
export function widened(before: Powers, after: Powers): Partial<Powers> {
  return Object.fromEntries(
    Object.entries(after).filter(([power, value]) => excessOf({ [power]: value } as Partial<Powers>, before) !== undefined),
  ) as Partial<Powers>;
}

function isWithin(value: number | null, bound: number | null): boolean {
  return bound === null || (value !== null && value <= bound);
}

/** A pattern is within another that takes its text: what a `*` of the one stands for, a `*` of the other does as well. */
function areWithin(models: readonly string[] | null, bounds: readonly string[]): boolean {
  return models?.every((model) => bounds.some((bound) => matchesGlob(bound, model))) ?? false;
}
