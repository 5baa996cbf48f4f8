import { defineProvider, type ImageRequest, type VideoRequest } from '@litegen/plugin-sdk';
import { responseError } from './failures.js';
import { authorization, createQueueProvider } from './queue.js';
import { readSettings } from './settings.js';

/** fal.ai, through its queue. Which endpoint and fields a model has is in its YAML; see the README. */
export default defineProvider({
  spec: 1,
  id: 'fal',
  create: () => ({
    image: createQueueProvider<ImageRequest>('image'),
    video: createQueueProvider<VideoRequest>('video'),
    async check(call) {
      const url = `${readSettings(call.options).apiUrl}/v1/models/pricing?endpoint_id=fal-ai%2Fflux%2Fdev`;
      const response = await call.fetch(url, { headers: authorization(call) });
      if (!response.ok) throw await responseError(response, call, false);
    },
  }),
});
