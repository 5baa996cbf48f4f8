import { type ImageProvider, type JsonBody, type Output, ProviderError, type StoredMedia } from '@litegen/plugin-sdk';
import { ask, fieldsOf, textOf } from './http.js';

/** Acme answers an image request at once. https://acme.test/docs/images */
export const image: ImageProvider = {
  async start(request, call) {
    const { params, inputs, extra } = request;
    const [init] = inputs;
    const size = params.size === 'auto' ? undefined : params.size;
    const json: JsonBody = {
      model: textOf(request.model.upstream.model) ?? request.model.name,
      prompt: request.prompt,
      count: request.n,
      negative_prompt: params.negative_prompt,
      seed: params.seed,
      width: size?.width,
      height: size?.height,
      style_code: extra.style_code,
      // The gateway writes the picture's bytes while it sends; they never pass through here.
      image: init?.dataUrl(),
    };
    const headers = { 'idempotency-key': call.idempotencyKey };
    const response = await ask(call, '/v1/images', { headers, json, submits: true });
    const answer = fieldsOf(await response.json({ base64Keys: ['b64'] }));
    const images: unknown[] = Array.isArray(answer.images) ? answer.images : [];
    const revisedPrompt = textOf(answer.revised_prompt);
    const outputs = images.map((item): Output => {
      const { b64, seed } = fieldsOf(item);
      if (!isPicture(b64)) throw noPicture();
      return { media: b64, revisedPrompt, seed: typeof seed === 'number' ? seed : undefined };
    });
    if (outputs.length === 0) throw noPicture();
    return { state: 'done', outputs, vendorRequestId: textOf(answer.id) };
  },
};

function isPicture(value: unknown): value is StoredMedia {
  const { kind, contentType } = fieldsOf(value);
  return kind === 'litegen.stored-media' && String(contentType).startsWith('image/');
}

/** The vendor took the work, so it may well bill for it. */
function noPicture(): ProviderError {
  return new ProviderError('invalid_response', 'Acme answered without a picture', { charged: 'unknown' });
}
