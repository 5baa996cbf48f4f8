import {
  type CallWarning,
  type Charged,
  type Finished,
  type OperationStatus,
  PROVIDER_ERROR_CODES,
  ProviderError,
  type StartResult,
  type Withheld,
} from '@litegen/plugin-sdk';
import { Injectable } from '@nestjs/common';
import { OutputFailure } from '../../../domain/providers/index.js';
import { storableJson, storableText } from '../../../platform/common/index.js';
import { SecretRegistry } from '../../../platform/security/index.js';
import type { GenerationFailure, StoredResult } from '../model/generation.types.js';

const LONGEST_TEXT = 2_000;
/** Looked at in an answer; what exceeds the request is left out later, with a word about it. */
const MOST_OUTPUTS = 10_000;

/**
 * What vendors and plugins say in words that are stored and shown to callers: without secrets and encoded files, without what no database
 * stores, and not endless. What goes back to the vendor, an operation or a link, is left exactly as it came: it is kept as JSON, which escapes.
 */
@Injectable()
export class VendorWords {
  constructor(private readonly secrets: SecretRegistry) {}

  /** Runs a call of a plugin; its failures speak decently. */
  async of<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof OutputFailure) throw new OutputFailure(this.error(error.failure), error.retry);
      throw ProviderError.is(error) ? this.error(error) : error;
    }
  }

  started(result: StartResult): StartResult {
    if (result.state === 'done') return this.finished(result);
    const { vendorJobId, vendorRequestId } = result;
    return {
      ...result,
      ...(typeof vendorJobId === 'string' ? { vendorJobId: storableText(vendorJobId) } : {}),
      ...(typeof vendorRequestId === 'string' ? { vendorRequestId: storableText(vendorRequestId) } : {}),
    };
  }

  status(status: OperationStatus): OperationStatus {
    if (status.state === 'succeeded') return this.finished(status);
    if (status.state !== 'failed') return status;
    const { code, message, charged, param, vendorCode } = status.error;
    return {
      state: 'failed',
      error: {
        code,
        message: this.text(message),
        charged,
        ...(param === undefined ? {} : { param: this.text(param) }),
        ...(vendorCode === undefined ? {} : { vendorCode: this.text(vendorCode) }),
      },
    };
  }

  warning({ param, action, message }: CallWarning): CallWarning {
    return { param: this.text(param), action, message: this.text(message) };
  }

  private finished<Answer extends Finished>(answer: Answer): Answer {
    const { outputs, withheld, usage, vendorRequestId } = answer;
    // Whatever a plugin made of its types is judged where it is used.
    const cleaned = Array.isArray(outputs)
      ? outputs.slice(0, MOST_OUTPUTS).map((output) => ({
          ...output,
          ...(output?.revisedPrompt == null ? {} : { revisedPrompt: storableJson(output.revisedPrompt) }),
        }))
      : outputs;
    return {
      ...answer,
      outputs: cleaned,
      ...(withheld === undefined ? {} : { withheld: storableJson(withheld) }),
      ...(usage === undefined ? {} : { usage: storableJson(usage) }),
      ...(vendorRequestId === undefined ? {} : { vendorRequestId: storableJson(vendorRequestId) }),
    };
  }

  private error(error: ProviderError): ProviderError {
    const { code, message, charged, param, retryAfterMs, vendorStatus, vendorCode, vendorRequestId } = error;
    return new ProviderError(code, this.text(message), {
      charged,
      retryAfterMs,
      vendorStatus,
      param: param && this.text(param),
      vendorCode: vendorCode && this.text(vendorCode),
      vendorRequestId: vendorRequestId && this.text(vendorRequestId),
      cause: error,
    });
  }

  private text(text: string): string {
    const shown = this.secrets.redactText(String(text));
    return storableText(shown.length > LONGEST_TEXT ? `${shown.slice(0, LONGEST_TEXT)}…` : shown);
  }
}

/** What of a vendor's answer counts, and what the caller is told of the rest. */
export interface AcceptedFinish {
  readonly finished: Finished;
  readonly warnings: readonly CallWarning[];
}

/**
 * Bounds an answer by what was asked for: a plugin that hands over more outputs is neither stored nor paid beyond that. What is missing
 * is told, with the vendor's reasons as far as it gave any.
 * @param wanted at least 1
 */
export function acceptFinished(finished: Finished, wanted: number): AcceptedFinish {
  const { outputs, usage } = finished;
  const warnings: CallWarning[] = [];
  const tell = (message: string): void => void warnings.push({ param: 'n', action: 'dropped', message });
  if (outputs.length > wanted) {
    tell(`The vendor delivered ${outputs.length} outputs; ${wanted} asked for, and only so many are kept and charged.`);
  }
  const kept = outputs.slice(0, wanted);
  const withheld = boundedBy(finished.withheld, wanted - kept.length);
  if (kept.length > 0) for (const [reason, count] of reasonsOf(withheld)) tell(`${count} of ${wanted} outputs withheld: ${reason}`);
  const unexplained = wanted - kept.length - sum(withheld);
  if (kept.length > 0 && unexplained > 0) tell(`The vendor delivered ${kept.length} of ${wanted} outputs.`);
  const images = typeof usage?.images === 'number' ? Math.min(usage.images, wanted) : undefined;
  return {
    finished: { ...finished, outputs: kept, withheld, ...(images === undefined ? {} : { usage: { ...usage, images } }) },
    warnings,
  };
}

/** Of outputs that did not come, those that the vendor bills all the same. Where neither the plugin nor the model's rules tell, it bills none. */
export function billedOf(withheld: readonly Withheld[], judge: (withheld: Withheld) => Charged): number {
  return sum(withheld.filter((one) => judge(one) === 'yes'));
}

/** The reason for which nothing came: the weightiest of several. */
export function mainReason(withheld: readonly Withheld[]): Withheld | undefined {
  return (
    withheld.find(({ code }) => code === 'content_rejected') ?? withheld.find(({ code }) => code !== 'invalid_response') ?? withheld[0]
  );
}

/** What a plugin says beside its outputs never costs them, whatever it is. */
function boundedBy(withheld: unknown, room: number): Withheld[] {
  let left = room;
  return (Array.isArray(withheld) ? (withheld as unknown[]) : []).filter(isWithheld).flatMap((one) => {
    const count = Math.min(left, Number.isSafeInteger(one.count) ? Math.max(one.count, 0) : 0);
    left -= count;
    return count > 0 ? [{ ...one, count }] : [];
  });
}

function isWithheld(value: unknown): value is Withheld {
  return typeof value === 'object' && value !== null && PROVIDER_ERROR_CODES.some((code) => code === (value as Partial<Withheld>).code);
}

function reasonsOf(withheld: readonly Withheld[]): ReadonlyMap<string, number> {
  const reasons = new Map<string, number>();
  for (const { code, message, count } of withheld) {
    const reason = message ?? code;
    reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  }
  return reasons;
}

function sum(withheld: readonly Withheld[]): number {
  return withheld.reduce((total, { count }) => total + count, 0);
}

export function noOutputs(): GenerationFailure {
  return {
    code: 'provider_invalid_response',
    message: 'The vendor reported success but delivered no media.',
    details: { charged: 'unknown' },
  };
}

/** An answer that is read again says the same again. */
export function distinctWarnings(warnings: readonly CallWarning[]): CallWarning[] {
  return [...new Map(warnings.map((warning) => [`${warning.param} ${warning.message}`, warning])).values()];
}

/** What is stored of an answer until its files are there. */
export function withoutBytes(finished: Finished, warnings: readonly CallWarning[]): StoredResult {
  return {
    warnings,
    outputs: finished.outputs.map(({ media, revisedPrompt, seed }) => ({
      ...(media.kind === 'url' ? { url: media.url } : {}),
      ...(media.kind === 'litegen.stored-media'
        ? { stored: { sha256: media.sha256, bytes: media.bytes, contentType: media.contentType } }
        : {}),
      ...(revisedPrompt === undefined ? {} : { revisedPrompt }),
      ...(seed === undefined ? {} : { seed }),
    })),
    ...(finished.withheld === undefined || finished.withheld.length === 0 ? {} : { withheld: finished.withheld }),
    ...(finished.usage === undefined ? {} : { usage: finished.usage }),
    ...(finished.costUsd === undefined ? {} : { costUsd: finished.costUsd }),
  };
}
