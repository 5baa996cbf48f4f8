import {
  addUsage,
  type CallContext,
  type Finished,
  isStoredMedia,
  type Output,
  ProviderError,
  readOutputs,
  readVendorError,
  record,
  type ServerSentEvent,
  tokenUsage,
  type VendorResponse,
  type VendorUsage,
  vendorError,
  type Withheld,
} from '@litegen/plugin-sdk';
import { OPENAI_ERRORS } from './errors.js';

/**
 * Hands partial images over and collects the finished ones. Each `completed` event tells the usage of its own image. What goes wrong
 * beside a finished image never costs it.
 * @throws ProviderError for an error without a finished image, `invalid_response` with `charged: unknown` when the stream ends without one
 */
export async function readStream(
  events: AsyncIterable<ServerSentEvent>,
  response: Pick<VendorResponse, 'status' | 'headers'>,
  call: CallContext,
): Promise<Finished> {
  const outputs: Output[] = [];
  const withheld: Withheld[] = [];
  let usage: VendorUsage | undefined;
  let failure: ProviderError | undefined;
  try {
    for await (const { event, data } of events) {
      const fields = record(data);
      if (fields === undefined) continue;
      const type = typeof fields.type === 'string' ? fields.type : event;
      if (type.endsWith('.partial_image')) {
        const index = typeof fields.partial_image_index === 'number' ? fields.partial_image_index : 0;
        if (isStoredMedia(fields.b64_json)) await call.emit({ type: 'partial_image', index, media: fields.b64_json });
      } else if (type.endsWith('.completed')) {
        const read = readOutputs([fields]);
        outputs.push(...read.outputs);
        withheld.push(...read.withheld);
        usage = addUsage(usage, tokenUsage(fields.usage));
      } else if (type === 'error' || type.endsWith('failed') || record(fields.error) !== undefined) {
        const error = vendorError(readVendorError(fields) ?? {}, response, call, OPENAI_ERRORS);
        failure ??= error;
        withheld.push(lost(error));
      }
    }
  } catch (error) {
    if (!ProviderError.is(error) || outputs.length === 0 || call.signal.aborted) throw error;
    withheld.push(lost(error));
  }
  const vendorRequestId = response.headers['x-request-id'];
  if (outputs.length > 0 || (withheld.length > 0 && failure === undefined)) return { outputs, withheld, usage, vendorRequestId };
  throw (
    failure ??
    new ProviderError('invalid_response', 'The stream ended before an image was finished.', {
      charged: 'unknown',
      vendorStatus: response.status,
      vendorRequestId,
    })
  );
}

function lost({ code, message, vendorCode }: ProviderError): Withheld {
  return { count: 1, code, charged: 'unknown', message, vendorCode };
}
