import { type CallWarning, type OperationStatus, ProviderError } from '@litegen/plugin-sdk';
import { Injectable } from '@nestjs/common';
import { SecretRegistry } from '../security/index.js';

const LONGEST_TEXT = 2_000;

/** What vendors and plugins say in words that are stored and shown to callers: without secrets and encoded files, and not endless. */
@Injectable()
export class VendorWords {
  constructor(private readonly secrets: SecretRegistry) {}

  /** Runs a call of a plugin; its failures speak decently. */
  async of<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw ProviderError.is(error) ? this.error(error) : error;
    }
  }

  status(status: OperationStatus): OperationStatus {
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
    return shown.length > LONGEST_TEXT ? `${shown.slice(0, LONGEST_TEXT)}…` : shown;
  }
}
