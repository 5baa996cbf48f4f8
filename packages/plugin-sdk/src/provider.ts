import type { CallContext, PluginLogger } from './context.js';
import type { Json, JsonObject } from './json.js';
import type { ImageRequest, VideoRequest } from './request.js';
import type { CancelResult, OperationStatus, StartResult } from './result.js';

/** What a plugin gets when it is made. There is no network here. */
export interface PluginSetup {
  /** The provider's id: the manifest's, or the name under which the operator configured a further instance. */
  readonly providerId: string;
  /** The operator's `providers.<id>.options`. */
  readonly options: JsonObject;
  readonly logger: PluginLogger;
}

/** A vendor's callback, as it came in. */
export interface RawDelivery {
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** The exact bytes, for signatures. */
  readonly body: Uint8Array;
}

/** A delivery whose signature was verified. */
export interface WebhookResult {
  readonly status: OperationStatus;
}

/** What fulfils requests of one kind. One `start` serves synchronous and asynchronous vendors alike. */
export interface MediaProvider<Request> {
  /** @throws ProviderError */
  start(request: Request, call: CallContext): Promise<StartResult>;
  /**
   * Asks how an operation stands. Needed when `start` can answer `started`.
   * @throws ProviderError when the question itself failed, which says nothing about the operation.
   */
  status?(operation: Json, call: CallContext): Promise<OperationStatus>;
  /** `cancelled` only when the vendor confirmed it. */
  cancel?(operation: Json, call: CallContext): Promise<CancelResult>;
  /** Verifies and reads a callback. Null when the signature does not hold or the delivery is for something else. */
  parseWebhook?(delivery: RawDelivery, operation: Json, call: CallContext): Promise<WebhookResult | null>;
}

export type ImageProvider = MediaProvider<ImageRequest>;
export type VideoProvider = MediaProvider<VideoRequest>;

export interface PluginInstance {
  readonly image?: ImageProvider;
  readonly video?: VideoProvider;
  /** A cheap, free call that proves the credential. @throws ProviderError */
  check?(call: CallContext): Promise<void>;
}

/** The default export of a plugin's entry. */
export interface ProviderPlugin {
  readonly spec: 1;
  /** Equals the manifest's `id`. */
  readonly id: string;
  create(setup: PluginSetup): PluginInstance;
}

/** Types a plugin's default export. */
export function defineProvider(plugin: ProviderPlugin): ProviderPlugin {
  return plugin;
}
