import type { ImageParams, Json, JsonObject, Operation, VideoParams } from '@litegen/plugin-sdk';
import type { ApiError, ErrorCode } from '../../../platform/common/index.js';
import type { Model } from '../model.js';

/** A request as every HTTP API hands it over: its own dialect is gone, nothing is checked yet. */
export interface PlanInput {
  readonly operation: Operation;
  readonly prompt?: unknown;
  readonly n?: unknown;
  /** By the YAML's names; `size` as text (`1024x1024`, `auto`). Null and undefined mean that the caller did not ask. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Parameters whose field the caller knows by another name, such as OpenAI's `seconds`; receipts and errors use it. */
  readonly fieldNames?: Readonly<Record<string, string>>;
  /** In the caller's order. */
  readonly references: readonly {
    readonly role?: string | null;
    /** The field's path as the caller wrote it. Default: `reference_images[<position>]`. */
    readonly param?: string;
  }[];
  readonly extra?: unknown;
  /** Top-level keys that its dialect does not know. */
  readonly unknown: Readonly<Record<string, unknown>>;
  /** Fields of this request that the gateway itself sees to, such as `response_format` and `metadata`. */
  readonly gateway: readonly string[];
  /** The request came as a form, where numbers and flags are text. */
  readonly textValues?: boolean;
}

export interface PlanOptions {
  /** Strict refuses whatever the model does not take; lax maps sizes and ratios, drops the rest and says so. */
  readonly strict: boolean;
}

/** Checked parameters under the YAML's names. For a video, `size` is never `auto`. */
export type PlanParams = ImageParams & Pick<VideoParams, 'duration_seconds' | 'fps' | 'audio'>;

export interface PlannedReference {
  /** Position in the request. */
  readonly index: number;
  readonly role: string;
}

/** What became of every field of a request. Field names are the caller's: `size`, `reference_images[0]`, `extra.loop`. */
export interface Receipt {
  readonly applied: readonly string[];
  /** Sent with another value, or under another name. */
  readonly mapped: readonly { readonly param: string; readonly from: Json; readonly to: Json; readonly reason: string }[];
  /** Fulfilled by the gateway instead of the vendor. */
  readonly emulated: readonly { readonly param: string; readonly by: string; readonly reason: string }[];
  readonly dropped: readonly { readonly param: string; readonly value?: Json; readonly reason: string }[];
  /** Vendor options that lax mode sends although the YAML does not list them: nobody knows whether they have an effect. */
  readonly unverified: readonly { readonly param: string; readonly reason: string }[];
  /** Only when all problems are collected. */
  readonly rejected: readonly { readonly param: string; readonly code: ErrorCode; readonly message: string }[];
}

/** A request that this model can fulfil. */
export interface Plan {
  /** `image.edit` also for a generation with references on a model that only edits. */
  readonly operation: Operation;
  readonly model: Model;
  readonly prompt: string;
  readonly n: number;
  /** Holds what the caller asked for; the model's defaults are not filled in. */
  readonly params: PlanParams;
  readonly references: readonly PlannedReference[];
  /** Positions of references that lax mode left out. */
  readonly droppedReferences: readonly number[];
  readonly extra: JsonObject;
  readonly receipt: Receipt;
  /** LiteGen's names for `X-Litegen-Dropped-Params`, in the order of the checks. */
  readonly droppedParams: readonly string[];
}

/** The answer of a dry run. */
export interface Examination {
  /** Absent when there are problems. */
  readonly plan?: Plan;
  readonly problems: readonly ApiError[];
  readonly receipt: Receipt;
}
