import type { JsonObject } from '@litegen/plugin-sdk';
import { conformance } from '@litegen/plugin-sdk/testing';
import { describe, it } from 'vitest';
import { FAL_TEST_KEY, type FalSimulator, startFalSimulator } from '../simulator/index.js';

let vendor: FalSimulator | undefined;
// The kit stands in front of the vendor, so that these addresses are only known once it runs.
let options: JsonObject = {};

conformance(
  'the fal plugin',
  {
    packageDirectory: new URL('..', import.meta.url),
    vendor: {
      async start(publicUrl) {
        vendor = await startFalSimulator({ linkOrigin: publicUrl, fileOrigin: publicUrl });
        options = { rest_url: publicUrl, api_url: publicUrl };
        return { baseUrl: vendor.origin, close: vendor.close };
      },
    },
    get options() {
      return options;
    },
    secrets: { apiKey: FAL_TEST_KEY },
    models: ['fal/flux-dev', 'fal/kling-v3-pro'],
    errorBody: (status) => ({ detail: `status ${status}` }),
    delivery(operation) {
      if (vendor === undefined) throw new Error('the vendor is not running');
      return vendor.delivery(String((operation as JsonObject).request_id));
    },
  },
  { describe, it },
);
