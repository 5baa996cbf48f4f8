import type { Json, JsonObject } from '../../json.js';
import type { ProviderPlugin, RawDelivery } from '../../provider.js';

export interface RunningVendor {
  /** Where the simulator listens, such as `http://127.0.0.1:4010`. */
  readonly baseUrl: string;
  close(): Promise<void>;
}

/** A simulator: a local HTTP server that plays the vendor. It is started afresh for every check. */
export interface ConformanceVendor {
  /**
   * @param publicUrl Where the plugin sees the vendor: the kit stands in between and plays the faults. Absolute URLs in
   * answers are built from it (or from the request's `Host` header).
   */
  start(publicUrl: string): Promise<RunningVendor>;
}

export interface ConformanceSetup {
  /** The folder with the plugin's package.json. */
  readonly packageDirectory: string | URL;
  readonly vendor: ConformanceVendor;
  /** Default: the default export of the manifest's entry. With a value here, no second process can be tried. */
  readonly plugin?: ProviderPlugin;
  /** Default: the manifest's `models`. For plugins that leave models to the operator. */
  readonly modelsDirectory?: string;
  /** Appended to the vendor's base URL to make `api_base`, such as `/v1`. */
  readonly apiBasePath?: string;
  /** By the manifest's names. Default: a made-up value for each. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** The operator's `providers.<id>.options`; a function when they hold further addresses of the vendor. */
  readonly options?: JsonObject | ((publicUrl: string) => JsonObject);
  /** Ids of the models that the life-cycle and fault checks use. Default: the first of each media type. */
  readonly models?: readonly string[];
  /** The vendor's own error body for an HTTP status. Default: `{"error":{"message":…}}`. */
  errorBody?(status: number): Json;
  /** A genuine callback of the vendor for a finished operation. Needed when the plugin reads webhooks. */
  delivery?(operation: Json, secrets: Readonly<Record<string, string>>): RawDelivery | Promise<RawDelivery>;
  /** Seed of the generated requests. Default 1. */
  readonly seed?: number;
  /** How many requests are generated, over all models. Default 60. */
  readonly fuzzCases?: number;
  /** How long one call of the plugin may take before it counts as hanging. Default 10,000. */
  readonly patienceMs?: number;
}

export type CheckOutcome = 'passed' | 'not_applicable';

/** One promise of the contract. */
export interface ConformanceCheck {
  readonly name: string;
  /** @throws Error whose message says what the plugin did and what the contract wants. */
  run(): Promise<CheckOutcome>;
}

/** A plugin broke the contract. */
export class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure';
}

export function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ConformanceFailure(message);
}
