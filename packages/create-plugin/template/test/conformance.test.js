import { describe, it } from 'node:test';
import { conformance } from '@litegen/plugin-sdk/testing';
import { genuineDelivery, SECRETS, startSimulator } from '../simulator/index.js';

conformance(
  'acme',
  {
    packageDirectory: new URL('..', import.meta.url),
    vendor: {
      async start(publicUrl) {
        const simulator = await startSimulator({ publicUrl });
        return { baseUrl: simulator.origin, close: simulator.close };
      },
    },
    secrets: SECRETS,
    delivery: genuineDelivery,
  },
  { describe, it },
);
