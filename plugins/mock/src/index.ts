import { defineProvider } from '@litegen/plugin-sdk';
import { imageProvider } from './image-provider.js';
import { readOptions } from './options.js';
import { DirectoryState, VolatileState } from './vendor-state.js';
import { videoProvider } from './video-provider.js';

/** Plays a vendor without a network. README.md tells what a prompt can make it do. */
export default defineProvider({
  spec: 1,
  id: 'mock',
  create(setup) {
    const options = readOptions(setup.options);
    const state = options.stateDirectory === undefined ? new VolatileState() : new DirectoryState(options.stateDirectory);
    return { image: imageProvider(options, state), video: videoProvider(options, state), check: () => state.check() };
  },
});
