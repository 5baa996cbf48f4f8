import { conformance } from '@litegen/plugin-sdk/testing';
import { describe, it } from 'vitest';
import { openAiError, startOpenAiSimulator } from '../simulator/index.js';

const apiKey = 'sk-conformance-0f5a81c2';

conformance(
  'openai',
  {
    packageDirectory: new URL('..', import.meta.url),
    secrets: { apiKey },
    apiBasePath: '/v1',
    models: ['openai/gpt-image-2.6-flare', 'openai/gpt-image-1.5'],
    errorBody: (status) => openAiError(`played failure ${status}`),
    vendor: {
      async start() {
        const vendor = await startOpenAiSimulator({ apiKey });
        return { baseUrl: vendor.origin, close: () => vendor.close() };
      },
    },
  },
  { describe, it },
);
