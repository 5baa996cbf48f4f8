import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CallContext,
  CancelResult,
  Charged,
  Finished,
  ImageRequest,
  Json,
  MediaProvider,
  OperationStatus,
  StartResult,
  VendorUsage,
  VideoRequest,
} from '@litegen/plugin-sdk';
import { ProviderError } from '@litegen/plugin-sdk';
import { type Failure, readControls } from './directives.js';
import { type Job, readJob } from './job.js';
import type { MockOptions } from './options.js';
import { digestOf } from './random.js';
import type { VendorState } from './vendor-state.js';

/** What differs between pictures and clips. */
export interface Medium<Request, Spec extends Json> {
  readonly name: Job['medium'];
  /** How work is done when the request does not say. */
  readonly mode: 'sync' | 'async';
  /** What is to be made, in plain JSON. `text` is the prompt without directives. */
  prepare(request: Request, call: CallContext, details: { text: string; digest: string; seed: number }): Promise<Spec>;
  render(spec: Spec, index: number, seed: number): Promise<Uint8Array>;
  /** Ever sharper versions of the first output. */
  partials(spec: Spec, request: Request, seed: number): Promise<Uint8Array[]>;
  usage(spec: Spec, count: number): VendorUsage;
}

const SEEDS = 4_294_967_295;
const PROGRESS_STEPS = [25, 50, 75];
// Long prompts are shown by their beginning; the operation need not carry the rest.
const MAX_TEXT_LENGTH = 600;

function givenUp(charged: Charged): ProviderError {
  return new ProviderError('timeout', 'the call was given up before the mock vendor answered', { charged });
}

async function wait(milliseconds: number, signal: AbortSignal, charged: Charged): Promise<void> {
  if (signal.aborted) throw givenUp(charged);
  if (milliseconds <= 0) return;
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    throw givenUp(charged);
  }
}

async function hang(signal: AbortSignal, charged: Charged): Promise<never> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw givenUp(charged);
}

function toError(failure: Failure): ProviderError {
  const { code, message, charged, param, retryAfterMs, vendorStatus, vendorCode } = failure;
  return new ProviderError(code, message, { charged, param, retryAfterMs, vendorStatus, vendorCode });
}

/** A vendor that does as the request's directives say. */
export class PlayedVendor<Request extends ImageRequest | VideoRequest, Spec extends Json> implements MediaProvider<Request> {
  constructor(
    private readonly medium: Medium<Request, Spec>,
    private readonly options: MockOptions,
    private readonly state: VendorState,
  ) {}

  async start(request: Request, call: CallContext): Promise<StartResult> {
    const drafted = await this.#draft(request, call);
    if (call.signal.aborted) throw givenUp('no');
    const { fail } = drafted.controls;
    if (fail !== undefined && fail.at !== 'poll' && fail.times !== undefined) {
      // Decided once, here, so that every later question about the job gets the same answer.
      const fails = await this.state.takeFailure(`${drafted.digest} ${fail.at}`, fail.times);
      if (!fails) delete drafted.controls.fail;
    }
    if (drafted.controls.fail?.at === 'start') {
      await this.state.refuse(call.idempotencyKey, drafted.submittedAtMs);
      throw toError(drafted.controls.fail);
    }
    const job = (await this.state.accept(call.idempotencyKey, drafted)) as Job<Spec>;
    if (job.controls.hang === 'start') return hang(call.signal, 'unknown');
    const mode = job.controls.mode ?? this.medium.mode;
    if (mode === 'sync') await this.#work(job, request, call);
    if (job.controls.drop) {
      throw new ProviderError('unavailable', 'the connection to the mock vendor broke after the submit', { charged: 'unknown' });
    }
    if (mode === 'async') return { state: 'started', operation: job, vendorJobId: job.id, vendorRequestId: job.id };
    if (job.controls.fail?.at === 'run') throw toError(job.controls.fail);
    return { state: 'done', ...(await this.#finish(job)) };
  }

  async status(operation: Json, call: CallContext): Promise<OperationStatus> {
    const job = readJob(operation, this.medium.name) as Job<Spec>;
    const { fail, status, progress } = job.controls;
    if (call.signal.aborted) throw givenUp('no');
    if (job.controls.hang === 'poll') return hang(call.signal, 'no');
    if (fail?.at === 'poll' && (fail.times === undefined || (await this.state.takeFailure(job.id, fail.times)))) throw toError(fail);
    if (await this.state.isCancelled(job.id)) return { state: 'cancelled', charged: job.controls.cancelCharged };
    const nowMs = call.now().getTime();
    if (job.readyAtMs === null || nowMs < job.readyAtMs) {
      return {
        state: 'pending',
        ...(progress ? { progress: this.#progress(job, nowMs) } : {}),
        ...(status === undefined || status === 'pending' ? {} : { unrecognizedStatus: status }),
      };
    }
    if (fail?.at === 'run') {
      const { code, message, charged, param, vendorCode } = fail;
      return { state: 'failed', error: { code, message, charged, param, vendorCode } };
    }
    return { state: 'succeeded', ...(await this.#finish(job)) };
  }

  async cancel(operation: Json, call: CallContext): Promise<CancelResult> {
    const job = readJob(operation, this.medium.name);
    if (call.signal.aborted) throw givenUp('no');
    const finished = job.readyAtMs !== null && call.now().getTime() >= job.readyAtMs;
    const alreadyCancelled = await this.state.isCancelled(job.id);
    const result = job.controls.cancel ?? (finished && !alreadyCancelled ? 'too_late' : 'cancelled');
    if (result === 'cancelled') await this.state.cancel(job.id);
    return result;
  }

  async #draft(request: Request, call: CallContext): Promise<Job<Spec>> {
    const { text, controls } = readControls(request.prompt, request.extra, request.n);
    const submittedAtMs = call.now().getTime();
    const { model, operation, params, inputs, extra, n } = request;
    const described = inputs.map(({ role, sha256 }) => [role, sha256]);
    const appearance = { model: model.id, operation, text, params, inputs: described };
    const digest = digestOf(appearance);
    const seed = params.seed ?? Number.parseInt(digest.slice(0, 8), 16) % SEEDS;
    const requestDigest = digestOf({ ...appearance, prompt: request.prompt, extra, n });
    const latencyMs = controls.latencyMs ?? this.options.latencyMs;
    const endless = controls.status !== undefined && controls.latencyMs === undefined;
    return {
      kind: 'mock-job',
      version: 1,
      id: `mock-${digestOf([call.idempotencyKey, requestDigest]).slice(0, 24)}`,
      medium: this.medium.name,
      digest: requestDigest,
      submittedAtMs,
      readyAtMs: endless ? null : submittedAtMs + latencyMs,
      controls,
      count: n,
      seed,
      text: text.slice(0, MAX_TEXT_LENGTH),
      spec: await this.medium.prepare(request, call, { text: text.slice(0, MAX_TEXT_LENGTH), digest, seed }),
    };
  }

  /** Waits until the job is ready, handing over partial images and progress on the way. */
  async #work(job: Job<Spec>, request: Request, call: CallContext): Promise<void> {
    if (job.readyAtMs === null) return hang(call.signal, 'unknown');
    const remainingMs = Math.max(0, job.readyAtMs - call.now().getTime());
    const partials = await this.medium.partials(job.spec, request, job.seed);
    const steps = partials.map((data, index) => ({
      share: (index + 1) / (partials.length + 1),
      run: () => call.emit({ type: 'partial_image', index, media: { kind: 'bytes', data } }),
    }));
    if (job.controls.progress) {
      steps.push(...PROGRESS_STEPS.map((progress) => ({ share: progress / 100, run: () => call.emit({ type: 'progress', progress }) })));
    }
    let passed = 0;
    for (const step of steps.sort((first, second) => first.share - second.share)) {
      await wait((step.share - passed) * remainingMs, call.signal, 'unknown');
      passed = step.share;
      await step.run();
    }
    await wait((1 - passed) * remainingMs, call.signal, 'unknown');
  }

  #progress(job: Job, nowMs: number): number {
    if (job.readyAtMs === null) return 0;
    const share = (nowMs - job.submittedAtMs) / Math.max(1, job.readyAtMs - job.submittedAtMs);
    return Math.max(0, Math.min(99, Math.floor(share * 100)));
  }

  async #finish(job: Job<Spec>): Promise<Finished> {
    const { controls, seed, spec } = job;
    const count = controls.outputs ?? job.count;
    const outputs: Finished['outputs'][number][] = [];
    for (let index = 0; index < count; index++) {
      const outputSeed = (seed + index) % SEEDS;
      const data = controls.corrupt ? Buffer.from('these bytes are no media') : await this.medium.render(spec, index, outputSeed);
      const revisedPrompt = controls.revise ? `${job.text}, as the mock vendor understood it` : undefined;
      outputs.push({ media: { kind: 'bytes', data }, seed: outputSeed, ...(revisedPrompt === undefined ? {} : { revisedPrompt }) });
    }
    return {
      outputs,
      usage: this.medium.usage(spec, count),
      vendorRequestId: job.id,
      ...(controls.cost === undefined ? {} : { costUsd: controls.cost }),
    };
  }
}
