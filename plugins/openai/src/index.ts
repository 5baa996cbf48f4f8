import { defineProvider } from '@litegen/plugin-sdk';
import { checkCredential, readOptions } from './connection.js';
import { startImage } from './image.js';

export default defineProvider({
  spec: 1,
  id: 'openai',
  create(setup) {
    // Read here too, so that a wrong option shows when the provider is loaded and not at its first request.
    readOptions(setup.options);
    return { image: { start: startImage }, check: checkCredential };
  },
});
