import { type HttpSimulator, jsonReply, makePng, startHttpSimulator } from '@litegen/plugin-sdk/testing';

/** Plays Stable Diffusion web UI with `--api`, as its `/docs` describe it. */
export function startWebUi(): Promise<HttpSimulator> {
  return startHttpSimulator((request) => {
    const { method, path } = request;
    if (method === 'GET' && path === '/sdapi/v1/samplers')
      return jsonReply(200, [{ name: 'Euler a', aliases: ['k_euler_a'], options: {} }]);
    if (method !== 'POST' || !/^\/sdapi\/v1\/(txt|img)2img$/.test(path)) return jsonReply(404, { detail: 'Not Found' });
    const parameters = request.json() as { batch_size: number; init_images?: string[] };
    if (path.endsWith('img2img') && !parameters.init_images?.length) return jsonReply(404, { detail: 'Init image not found' });
    const seeds = Array.from({ length: parameters.batch_size }, (_, index) => 7 + index);
    return jsonReply(200, {
      images: seeds.map(() => makePng().toString('base64')),
      parameters: { ...parameters, init_images: null },
      info: JSON.stringify({ all_seeds: seeds, sampler_name: 'Euler a' }),
    });
  });
}
