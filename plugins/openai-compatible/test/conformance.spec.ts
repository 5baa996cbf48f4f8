import type { JsonObject } from '@litegen/plugin-sdk';
import { conformance } from '@litegen/plugin-sdk/testing';
import { describe, it } from 'vitest';
import { startCompatibleSimulator } from '../simulator/index.js';

const apiKey = 'conformance-key-7b21d4';

for (const flavour of ['vllm-omni', 'sglang'] as const) {
  conformance(
    `openai-compatible, talking to ${flavour},`,
    {
      packageDirectory: new URL('..', import.meta.url),
      secrets: { apiKey },
      options: { dialect: flavour, headers: { 'x-tenant': 'tests' } },
      errorBody: (status): JsonObject =>
        flavour === 'sglang'
          ? { detail: `played failure ${status}` }
          : { error: { message: `played failure ${status}`, type: 'Error', param: null, code: status } },
      vendor: {
        async start() {
          const vendor = await startCompatibleSimulator({ flavour, apiKey });
          return { baseUrl: vendor.origin, close: () => vendor.close() };
        },
      },
    },
    { describe, it },
  );
}
