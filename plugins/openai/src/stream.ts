import {
  type CallContext,
  type Finished,
  type Output,
  ProviderError,
  type ServerSentEvent,
  type VendorResponse,
  type VendorUsage,
} from '@litegen/plugin-sdk';
import { addUsage, isStoredMedia, readOutput, readUsage } from './answer.js';
import { isRecord, readVendorError, toProviderError } from './errors.js';

/**
 * Hands partial images over and collects the finished ones. Each `completed` event tells the usage of its own image.
 * @throws ProviderError with `charged: unknown` when the stream ends without a finished image.
 */
export async function readStream(
  events: AsyncIterable<ServerSentEvent>,
  headers: VendorResponse['headers'],
  call: CallContext,
): Promise<Finished> {
  const outputs: Output[] = [];
  let usage: VendorUsage | undefined;
  for await (const { event, data } of events) {
    if (!isRecord(data)) continue;
    const type = typeof data.type === 'string' ? data.type : event;
    if (type === 'error' || isRecord(data.error)) throw toProviderError(200, readVendorError(data) ?? {}, headers, call);
    if (type.endsWith('.partial_image') && isStoredMedia(data.b64_json)) {
      const index = typeof data.partial_image_index === 'number' ? data.partial_image_index : 0;
      await call.emit({ type: 'partial_image', index, media: data.b64_json });
    } else if (type.endsWith('.completed')) {
      outputs.push(readOutput(data));
      usage = addUsage(usage, readUsage(data.usage));
    }
  }
  if (outputs.length === 0) {
    throw new ProviderError('invalid_response', 'The stream ended before an image was finished.', {
      charged: 'unknown',
      vendorStatus: 200,
      vendorRequestId: headers['x-request-id'],
    });
  }
  return { outputs, usage };
}
