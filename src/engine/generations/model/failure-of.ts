import { ApiError, type ErrorCode } from '../../../platform/common/index.js';
import type { GenerationEntity } from './generation.entity.js';

/** The failure of a generation as the error that a waiting caller gets. */
export function failureOf(generation: GenerationEntity): ApiError {
  const details = generation.errorDetails ?? {};
  const { charged, param, retry_after_ms: retryAfterMs } = details;
  const { vendor_code: vendorCode, vendor_status: vendorStatus, vendor_message: vendorMessage } = details;
  const code = (generation.errorCode ?? 'internal_error') as ErrorCode;
  return new ApiError(code, generation.errorMessage ?? 'The generation failed.', {
    model: generation.model,
    provider: generation.provider,
    generationId: generation.id,
    ...(typeof param === 'string' ? { param } : {}),
    providerError: {
      message: typeof vendorMessage === 'string' ? vendorMessage : (generation.errorMessage ?? ''),
      ...(typeof vendorCode === 'string' ? { code: vendorCode } : {}),
      ...(typeof vendorStatus === 'number' ? { status: vendorStatus } : {}),
    },
    ...(typeof retryAfterMs === 'number' ? { retryAfterSeconds: Math.min(120, retryAfterMs / 1000) } : {}),
    ...(charged === 'no' ? {} : { shouldRetry: false }),
  });
}
