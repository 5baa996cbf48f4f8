import type { CallWarning } from '@litegen/plugin-sdk';
import type { AssetEntity } from '../../../domain/storage/index.js';
import type { Lease } from './attempt.entity.js';
import type { GenerationEntity } from './generation.entity.js';
import type { AttemptOutcome, Settlement } from './generation.types.js';

/** A generation with what it delivered. */
export interface GenerationRecord {
  readonly generation: GenerationEntity;
  /** In the order of their positions. */
  readonly outputs: readonly AssetEntity[];
}

/** How an attempt ends. */
export interface AttemptEnd {
  readonly state: AttemptOutcome;
  readonly charged: string | null;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly vendorCode?: string;
  readonly vendorStatus?: number;
  readonly vendorRequestId?: string;
  readonly warnings?: readonly CallWarning[];
}

/**
 * How an attempt ends and, unless others of its generation may still succeed, the generation with it. A generation that has ended already
 * stays as it is.
 */
export interface End {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly settlement: Settlement;
  readonly attempt: AttemptEnd;
  /** The vendor's job of that attempt. */
  readonly vendorJobId?: string | null;
  readonly outputs: readonly AssetEntity[];
  /** As they stand when they end with it. */
  readonly followers?: readonly GenerationRecord[];
  readonly nowMs: number;
  /** Default `usual`. */
  readonly care?: EndCare;
  /** The receipt of its admission stays. */
  readonly withoutReceipt?: boolean;
}

/**
 * How an end is written. `usual`: whole, with all others of its batch · `careful`: whole, but what fails beside it is set aside to be done
 * again · `bare`: no more than what makes it an end, and all else is done later.
 */
export type EndCare = (typeof CARES)[number];
export const CARES = ['usual', 'careful', 'bare'] as const;
