import { MEDIA_FIELDS, readFinished, responseError, text } from '@litegen/plugin-sdk';

const ERRORS = { vendor: 'Stable Diffusion web UI' };

/** Throws a ProviderError for every answer that is not 2xx. */
async function ask(call, path, init) {
  const response = await call.fetch(call.apiBase + path, init);
  if (!response.ok) throw await responseError(response, call, ERRORS);
  return response;
}

const image = {
  async start({ prompt, n, params, inputs, extra, model }, call) {
    const [picture] = inputs;
    const json = {
      prompt,
      negative_prompt: params.negative_prompt,
      batch_size: n,
      width: params.size?.width,
      height: params.size?.height,
      seed: params.seed,
      steps: params.steps,
      cfg_scale: params.guidance_scale,
      denoising_strength: params.strength,
      sampler_name: extra.sampler_name,
      // The gateway writes the picture's bytes while it sends; they never pass through here.
      init_images: picture && [picture.dataUrl()],
      override_settings: { sd_model_checkpoint: text(model.upstream.checkpoint) },
    };
    // This request makes the vendor work: when its answer is lost, nobody knows whether it was charged, and it is not sent again.
    const response = await ask(call, `/sdapi/v1/${picture ? 'img2img' : 'txt2img'}`, { json, submits: true });
    // Pictures go to the gateway's store while the answer comes in.
    const answer = await response.json(MEDIA_FIELDS);
    return { state: 'done', ...readFinished(answer, response, n, call, ERRORS) };
  },
};

export default {
  spec: 1,
  id: 'sd-webui',
  create: () => ({
    image,
    /** What `litegen doctor` asks: a call that is free. */
    check: async (call) => void (await ask(call, '/sdapi/v1/samplers')),
  }),
};
