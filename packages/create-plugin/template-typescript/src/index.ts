import { defineProvider } from '@litegen/plugin-sdk';
import { ask } from './http.js';
import { image } from './images.js';
import { video } from './videos.js';

export default defineProvider({
  spec: 1,
  id: 'acme',
  // No network and no state here: any replica of the gateway may finish what another began.
  create: () => ({
    image,
    video,
    check: async (call) => {
      await ask(call, '/v1/account');
    },
  }),
});
