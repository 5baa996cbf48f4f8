import { describe, it } from 'node:test';
import { conformance } from '@litegen/plugin-sdk/testing';
import { genuineDelivery, SECRETS, startVendor } from './vendor.js';

conformance(
  'acme',
  {
    packageDirectory: new URL('..', import.meta.url),
    vendor: { start: startVendor },
    secrets: SECRETS,
    delivery: genuineDelivery,
  },
  { describe, it },
);
