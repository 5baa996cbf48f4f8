import { defineProvider, responseError } from '@litegen/plugin-sdk';
import { connect } from './connection.js';
import { SERVER_ERRORS } from './errors.js';
import { startImage } from './image.js';
import { readOptions } from './options.js';
import { cancelVideo, startVideo, videoStatus } from './video.js';

export default defineProvider({
  spec: 1,
  id: 'openai-compatible',
  create(setup) {
    const options = readOptions(setup.options);
    return {
      image: { start: (request, call) => startImage(request, call, options) },
      video: {
        start: (request, call) => startVideo(request, call, options),
        status: (operation, call) => videoStatus(operation, call, options),
        cancel: (operation, call) => cancelVideo(operation, call, options),
      },
      async check(call) {
        const server = connect(call, options);
        let response = await call.fetch(`${server.baseUrl}/models`, { headers: server.headers });
        // Not every server lists models, but those that do not have a health route beside `/v1`.
        if (response.status === 404 || response.status === 405) {
          await response.text();
          response = await call.fetch(`${server.baseUrl.replace(/\/[^/]+$/, '')}/health`, { headers: server.headers });
        }
        if (!response.ok) throw await responseError(response, call, SERVER_ERRORS);
        await response.text();
      },
    };
  },
});
