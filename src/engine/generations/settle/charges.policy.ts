import type { Charged } from '@litegen/plugin-sdk';
import type { Model } from '../../../domain/catalog/index.js';
import type { ErrorCode } from '../../../platform/common/index.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import type { HoldState } from '../model/generation.types.js';

/** What the model's file says its vendor bills. */
export type ChargeRules = NonNullable<Model['charges']>;

/**
 * Failures that the vendor itself reported, by the rule that they fall under. Where nobody knows whether the vendor did the work,
 * no rule can tell what it bills.
 */
const RULED: Partial<Record<ErrorCode, keyof ChargeRules>> = {
  moderation_blocked: 'content_rejected',
  provider_invalid_request: 'failed',
  provider_authentication_failed: 'failed',
  provider_permission_denied: 'failed',
  provider_quota_exhausted: 'failed',
  provider_rate_limited: 'failed',
  provider_unavailable: 'failed',
  provider_timeout: 'failed',
  provider_internal: 'failed',
};

/** The plugin's own word comes first; the vendor's rules decide where it has none. */
export function chargedForFailure(charged: Charged, code: ErrorCode, rules: ChargeRules | undefined): Charged {
  const rule = RULED[code];
  return charged === 'unknown' && rule !== undefined ? (rules?.[rule] ?? charged) : charged;
}

/** @param otherwise what counts when neither the plugin nor the vendor's rules tell */
export function chargedForCancellation(charged: Charged, rules: ChargeRules | undefined, otherwise: Charged = 'unknown'): Charged {
  return charged === 'unknown' ? (rules?.cancelled ?? otherwise) : charged;
}

/** `charged: unknown` keeps the hold: the money may be gone, and only the vendor's books can tell. */
export function costOf(
  generation: GenerationEntity,
  charged: Charged,
): { costMicros: number | null; costSource: string | null; holdState: HoldState } {
  if (charged === 'unknown') return { costMicros: null, costSource: null, holdState: generation.holdMicros === 0 ? 'released' : 'held' };
  if (charged === 'no') return { costMicros: 0, costSource: 'not_charged', holdState: 'released' };
  return { costMicros: generation.quote.amountMicros, costSource: 'catalog', holdState: 'settled' };
}
