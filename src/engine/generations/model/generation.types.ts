import type { CallWarning, JsonObject, Operation, VendorUsage, Withheld } from '@litegen/plugin-sdk';
import type { Plan } from '../../../domain/catalog/index.js';
import type { ErrorCode, Micros } from '../../../platform/common/index.js';
import type { Quote } from '../../../policy/costs/index.js';
import { type ActiveState, type ActiveStatus, type GenerationStatus, isTerminal, type TerminalStatus } from './transitions.js';

/** Whether a signal from the vendor may still change anything. */
export function acceptsSignal(status: GenerationStatus): status is ActiveStatus {
  return !isTerminal(status);
}

/** How an attempt ended. `not_sent` and `rejected` surely cost nothing · `unknown` may have cost something. */
export type AttemptOutcome = 'not_sent' | 'rejected' | 'unknown' | 'succeeded' | 'failed' | 'cancelled';

/** `queued` its turn has not come · `sent` may have reached the vendor · `accepted` the vendor has a job · `fetching` its files are being fetched. */
export type AttemptState = ActiveState | AttemptOutcome;

/** `held` reserved, `settled` turned into a cost, `released` given back. */
export type HoldState = 'held' | 'settled' | 'released';

/** Whose words the answers about a video use: the two dialects name its states differently on the route that they share. */
export type Dialect = 'openai' | 'litegen';

/** What any replica needs to call the vendor. */
export interface StoredRequest {
  readonly prompt: string;
  readonly n: number;
  readonly params: Plan['params'];
  readonly extra: JsonObject;
  /** Roles of the input assets, by position. */
  readonly inputRoles: readonly string[];
  readonly partialImages: number;
  readonly strict: boolean;
  readonly dialect: Dialect;
  /** Parameters whose field the caller knows by another name. */
  readonly fieldNames?: Readonly<Record<string, string>>;
  /** The video that it makes anew. */
  readonly remixOf?: string;
}

export type StoredReceipt = Plan['receipt'];
export type StoredQuote = Quote;
export type StoredUsage = VendorUsage;

/** A vendor's finished answer without its bytes and without headers, so that another replica can fetch the files. */
export interface StoredResult {
  readonly outputs: readonly StoredResultOutput[];
  readonly withheld?: readonly Withheld[];
  /** Of the call that brought it. */
  readonly warnings?: readonly CallWarning[];
  readonly usage?: VendorUsage;
  readonly costUsd?: string;
  /** How often its files were asked for. */
  readonly fetches?: number;
}

export interface StoredResultOutput {
  readonly url?: string;
  readonly stored?: { readonly sha256: string; readonly bytes: number; readonly contentType: string };
  readonly revisedPrompt?: string;
  readonly seed?: number;
}

/** Why a generation failed, as a caller sees it. */
export interface GenerationFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: JsonObject;
}

/** How an end is written. */
export interface Settlement {
  readonly status: TerminalStatus;
  readonly costMicros: Micros | null;
  readonly costSource: string | null;
  readonly holdState: HoldState;
  readonly usage: VendorUsage | null;
  readonly failure: GenerationFailure | null;
}

/** With another's result, which costs nothing. */
export const SHARED = {
  status: 'completed',
  costMicros: 0,
  costSource: 'cache',
  holdState: 'settled',
  usage: null,
  failure: null,
} as const satisfies Settlement;

export type { Operation };
export { type ActiveStatus, type GenerationStatus, isTerminal, type TerminalStatus };
