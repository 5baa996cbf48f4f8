import { setTimeout as wait } from 'node:timers/promises';
import { ProviderError } from '../../errors.js';
import type { Json, JsonObject } from '../../json.js';
import type { PluginManifest } from '../../manifest.js';
import type { MediaProvider, PluginInstance, ProviderPlugin, RawDelivery, WebhookResult } from '../../provider.js';
import type { CancelResult, OperationStatus, StartResult } from '../../result.js';
import { watched } from '../network-watch.js';
import { createTestCall, createTestSetup, type RecordedLog, type TestCall, type TestCallOptions } from '../test-call.js';
import { FaultFront } from './fault-front.js';
import { importPlugin, isSwitchedOff, type ModelEntry, readManifest, readModels } from './package.js';
import { leastSample, type Sample, streamedSample } from './samples.js';
import { ConformanceFailure, type ConformanceSetup, demand, type RunningVendor } from './setup.js';

const DEFAULT_PATIENCE_MS = 10_000;
const MAX_POLLS = 60;

export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** One call of the plugin, with all that it left behind. */
export interface Trial<T> {
  readonly what: string;
  readonly call: TestCall;
  readonly outcome: Outcome<T>;
}

/** A running vendor behind the fault front, and the plugin pointed at it. */
export class Rig {
  /** Connections that the plugin opened past `call.fetch`. */
  readonly sightings: string[] = [];
  /** What the plugin logged through its setup, one list per instance. */
  readonly setupLogs: (readonly RecordedLog[])[] = [];
  /** All calls so far, for the checks that look at what they left behind. */
  readonly trials: Trial<unknown>[] = [];

  private constructor(
    readonly setup: ConformanceSetup,
    readonly manifest: PluginManifest,
    readonly plugin: ProviderPlugin,
    readonly models: readonly ModelEntry[],
    readonly secrets: Readonly<Record<string, string>>,
    readonly front: FaultFront,
    private readonly vendor: RunningVendor,
  ) {}

  static async use<T>(setup: ConformanceSetup, run: (rig: Rig) => Promise<T>): Promise<T> {
    const manifest = readManifest(setup);
    const plugin = await importPlugin(setup);
    const names = Object.keys(manifest.secrets ?? {});
    const secrets = setup.secrets ?? Object.fromEntries(names.map((name) => [name, `conformance-${name}-4d1f0c7be29a`]));
    const front = await FaultFront.open();
    try {
      const vendor = await setup.vendor.start(front.url);
      try {
        front.passTo(vendor.baseUrl);
        return await run(new Rig(setup, manifest, plugin, readModels(setup), secrets, front, vendor));
      } finally {
        await vendor.close();
      }
    } finally {
      await front.close();
    }
  }

  get options(): JsonObject {
    const { options = {} } = this.setup;
    return typeof options === 'function' ? options(this.front.url) : options;
  }

  get apiBase(): string {
    return this.front.url + (this.setup.apiBasePath ?? '');
  }

  /** Only the simulator can be reached, so that no check ever calls a real one. */
  call(options: TestCallOptions = {}): TestCall {
    return createTestCall({ secrets: this.secrets, options: this.options, apiBase: this.apiBase, ...options });
  }

  /** A plugin as a process that has just started would make it. */
  instance(): PluginInstance {
    const setup = createTestSetup(this.manifest.id, this.options);
    this.setupLogs.push(setup.logs);
    return watched(this.sightings, () => this.plugin.create(setup));
  }

  /** Those for which the plugin may get a request. */
  get callableModels(): readonly ModelEntry[] {
    return this.models.filter((model) => !isSwitchedOff(model));
  }

  /** One least request per model under test, and one that streams where the model can. */
  samples(): Sample[] {
    const wanted = this.setup.models;
    const chosen =
      wanted === undefined
        ? (['image', 'video'] as const).flatMap((media) => this.callableModels.find((model) => model.media_type === media) ?? [])
        : wanted.map((id) => {
            const model = this.models.find((entry) => entry.id === id);
            demand(model !== undefined, `the YAML has no model "${id}"`);
            return model;
          });
    demand(chosen.length > 0, 'the YAML has no model to try');
    return chosen.flatMap((model) => [leastSample(model), streamedSample(model) ?? []].flat());
  }

  start(sample: Sample, options: TestCallOptions = {}): Promise<Trial<StartResult>> {
    const call = this.call({ webhookUrl: sample.model.webhooks === true ? 'https://gateway.example/hooks/1' : undefined, ...options });
    return this.try(`start of ${sample.model.id}`, call, () => {
      const instance = this.instance();
      if (sample.media === 'image') return provider(instance.image, 'image').start(sample.request, call);
      return provider(instance.video, 'video').start(sample.request, call);
    });
  }

  /** Asks as another replica would: a new instance, and an operation that was plain text in between. */
  status(sample: Sample, operation: Json, options: TestCallOptions = {}): Promise<Trial<OperationStatus>> {
    const call = this.call(options);
    return this.try(`status of ${sample.model.id}`, call, async () => {
      const provided = provider<unknown>(this.instance()[sample.media], sample.media);
      demand(provided.status !== undefined, `start of ${sample.model.id} answered "started", but there is no status()`);
      return provided.status(JSON.parse(JSON.stringify(operation)) as Json, call);
    });
  }

  cancel(sample: Sample, operation: Json): Promise<Trial<CancelResult>> {
    const call = this.call();
    return this.try(`cancel of ${sample.model.id}`, call, async () => {
      const provided = provider<unknown>(this.instance()[sample.media], sample.media);
      demand(provided.cancel !== undefined, `${sample.model.id} has no cancel()`);
      return provided.cancel(JSON.parse(JSON.stringify(operation)) as Json, call);
    });
  }

  parseWebhook(sample: Sample, delivery: RawDelivery, operation: Json): Promise<Trial<WebhookResult | null>> {
    const call = this.call();
    return this.try(`parseWebhook of ${sample.model.id}`, call, async () => {
      const provided = provider<unknown>(this.instance()[sample.media], sample.media);
      demand(provided.parseWebhook !== undefined, `${sample.model.id} has no parseWebhook()`);
      return provided.parseWebhook(delivery, operation, call);
    });
  }

  /** `check` of the plugin. */
  credential(): Promise<Trial<void>> {
    const call = this.call();
    return this.try('check()', call, async () => this.instance().check?.(call));
  }

  /** The vendor's error body, as the author wrote it or as many vendors do. */
  errorBody(status: number): Json {
    return this.setup.errorBody?.(status) ?? { error: { message: `played failure ${status}` } };
  }

  private async try<T>(what: string, call: TestCall, run: () => Promise<T>): Promise<Trial<T>> {
    const outcome = await outcomeOf(what, this.setup.patienceMs ?? DEFAULT_PATIENCE_MS, () => watched(this.sightings, run));
    const trial = { what, call, outcome };
    this.trials.push(trial);
    return trial;
  }

  /** A start against the healthy vendor that has to work. */
  async started(sample: Sample): Promise<{ result: StartResult; call: TestCall }> {
    this.front.reset();
    const trial = await this.start(sample);
    demandReached(trial);
    return { result: answerOf(trial), call: trial.call };
  }

  /** The operation of a healthy start, or undefined when the vendor is synchronous. */
  async operation(sample: Sample): Promise<Json | undefined> {
    const { result } = await this.started(sample);
    return result.state === 'started' ? result.operation : undefined;
  }

  async untilTerminal(sample: Sample, operation: Json): Promise<OperationStatus> {
    for (let polls = 0; polls < MAX_POLLS; polls += 1) {
      const status = answerOf(await this.status(sample, operation));
      if (status.state !== 'pending') return status;
      await wait(10);
    }
    demand(false, `${sample.model.id} was still pending after ${MAX_POLLS} polls`);
  }
}

function provider<Request>(provided: MediaProvider<Request> | undefined, media: string): MediaProvider<Request> {
  demand(provided !== undefined, `the YAML has ${media} models, but create() returned no "${media}"`);
  return provided;
}

async function outcomeOf<T>(what: string, patienceMs: number, run: () => Promise<T>): Promise<Outcome<T>> {
  const timer = new AbortController();
  const late = wait(patienceMs, undefined, { signal: timer.signal }).then(() =>
    demand(false, `${what} did not end within ${patienceMs} ms`),
  );
  late.catch(() => undefined);
  const outcome = (async () => run())().then(
    (value): Outcome<T> => ({ value }),
    (error: unknown): Outcome<T> => ({ error }),
  );
  try {
    return (await Promise.race([outcome, late])) as Outcome<T>;
  } finally {
    timer.abort();
  }
}

export function describeError(error: unknown): string {
  if (ProviderError.is(error)) return `ProviderError ${error.code} (charged: ${error.charged}): ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

export function answerOf<T>(trial: Trial<T>): T {
  if ('error' in trial.outcome) {
    const { error } = trial.outcome;
    if (error instanceof ConformanceFailure) throw error;
    throw new ConformanceFailure(`${trial.what} failed on a healthy vendor with ${describeError(error)}`, { cause: error });
  }
  return trial.outcome.value;
}

/** The error of a call that had to fail, which must be a `ProviderError`. */
export function errorOf<T>(trial: Pick<Trial<T>, 'what' | 'outcome'>, under: string): ProviderError {
  const { outcome } = trial;
  demand(
    'error' in outcome,
    `${trial.what} under ${under} answered ${JSON.stringify('value' in outcome ? outcome.value : null)} instead of failing`,
  );
  if (!ProviderError.is(outcome.error)) {
    const message = `${trial.what} under ${under} threw ${describeError(outcome.error)}, which is no ProviderError`;
    throw new ConformanceFailure(message, { cause: outcome.error });
  }
  return outcome.error;
}

/** Where the request that makes the vendor start work stands among a start's requests. */
export function submitIndex(trial: { readonly call: TestCall }): number {
  const index = trial.call.requests.findIndex((request) => request.submits);
  demand(index >= 0, 'no request of start was marked with `submits: true`');
  return index;
}

function demandReached(trial: Trial<StartResult>): void {
  const refused = trial.call.refused[0];
  demand(refused === undefined, `${trial.what} called ${refused?.url}, which is not under call.apiBase`);
}
