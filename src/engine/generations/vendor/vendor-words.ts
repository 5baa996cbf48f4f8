import { type CallWarning, type Finished, type OperationStatus, ProviderError, type StartResult } from '@litegen/plugin-sdk';
import { Injectable } from '@nestjs/common';
import { OutputFailure } from '../../../domain/providers/index.js';
import { storableJson, storableText } from '../../../platform/common/index.js';
import { SecretRegistry } from '../../../platform/security/index.js';

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
