import { type ImageProvider, type JsonBody, MEDIA_FIELDS, readFinished, record, text } from '@litegen/plugin-sdk';
import { ask, ERRORS } from './http.js';

/** Acme answers an image request at once. https://acme.test/docs/images */
export const image: ImageProvider = {
  async start(request, call) {
    const { params, inputs, extra } = request;
    const [init] = inputs;
    const size = params.size === 'auto' ? undefined : params.size;
    const json: JsonBody = {
      model: text(request.model.upstream.model) ?? request.model.name,
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
    // Pictures go to the gateway's store while the answer comes in; an error in it is thrown as what it means.
    const answer = await response.json(MEDIA_FIELDS);
    const { outputs, ...finished } = readFinished(answer, response, request.n, call, ERRORS);
    const revisedPrompt = text(record(answer)?.revised_prompt);
    return { state: 'done', ...finished, outputs: outputs.map((output) => ({ revisedPrompt, ...output })) };
  },
};
