import type { Charged, ProviderErrorCode } from './errors.js';
import type { Json } from './json.js';

/** A file that `VendorResponse.json` or `.store` already wrote to the gateway's store. Opaque to the plugin. */
export interface StoredMedia {
  readonly kind: 'litegen.stored-media';
  readonly sha256: string;
  readonly bytes: number;
  /** From the file's magic bytes. */
  readonly contentType: string;
}

/** Stands in place of media whose base64 is broken. Whatever else is in the answer can be used. */
export interface UnreadableMedia {
  readonly kind: 'litegen.unreadable-media';
  /** For people. */
  readonly reason: string;
}

/** Where the bytes of an output are. */
export type MediaSource =
  | StoredMedia
  /** Downloaded by the gateway from the declared egress before the link expires. `headers` are sent to this origin only and never stored. */
  | { readonly kind: 'url'; readonly url: string; readonly headers?: Readonly<Record<string, string>> }
  /** For small files that the plugin made itself. */
  | { readonly kind: 'bytes'; readonly data: Uint8Array };

export interface Output {
  readonly media: MediaSource;
  /** The prompt that the vendor really used, when it says so. */
  readonly revisedPrompt?: string;
  readonly seed?: number;
}

/** What the vendor says it will bill for; absent figures are computed from the request. Counts, not money. */
export interface VendorUsage {
  input_text_tokens?: number;
  cached_input_text_tokens?: number;
  input_image_tokens?: number;
  cached_input_image_tokens?: number;
  output_text_tokens?: number;
  output_image_tokens?: number;
  images?: number;
  seconds?: number;
  /** Those of references among them, unless `input_megapixels` tells these apart. As large as the vendor's megapixels are. */
  megapixels?: number;
  input_megapixels?: number;
  credits?: number;
}

/** Outputs that were asked for and did not come. */
export interface Withheld {
  /** How many. */
  readonly count: number;
  readonly code: ProviderErrorCode;
  /** Whether the vendor bills for them. The model's `charges` decide where the plugin does not know. */
  readonly charged: Charged;
  /** The vendor's words, for the caller. */
  readonly message?: string;
  readonly vendorCode?: string;
}

export interface Finished {
  /** At most as many as were asked for. None at all is a failure: that of `withheld`, else an answer without media. */
  readonly outputs: readonly Output[];
  /** Why there are fewer outputs than were asked for. Those that came are delivered and charged all the same. */
  readonly withheld?: readonly Withheld[];
  readonly usage?: VendorUsage;
  /** The price that the vendor itself reported for this call, US dollars as a decimal string. */
  readonly costUsd?: string;
  readonly vendorRequestId?: string;
}

export type StartResult =
  /** A synchronous vendor answered with the media. */
  | ({ readonly state: 'done' } & Finished)
  /** The vendor accepted the work. `operation` is plain JSON with which any replica can ask for the status. */
  | {
      readonly state: 'started';
      readonly operation: Json;
      readonly vendorJobId?: string;
      readonly pollAfterMs?: number;
      readonly vendorRequestId?: string;
    };

export interface VendorFailure {
  readonly code: ProviderErrorCode;
  readonly message: string;
  readonly charged: Charged;
  readonly param?: string;
  readonly vendorCode?: string;
}

export type OperationStatus =
  | {
      readonly state: 'pending';
      /** 0–100, only when the vendor says so. */
      readonly progress?: number;
      readonly pollAfterMs?: number;
      /** A status word that the plugin does not know. The gateway keeps waiting and counts it. */
      readonly unrecognizedStatus?: string;
    }
  | ({ readonly state: 'succeeded' } & Finished)
  | { readonly state: 'failed'; readonly error: VendorFailure }
  | { readonly state: 'cancelled'; readonly charged: Charged };

export type CancelResult = 'cancelled' | 'too_late' | 'unsupported';
