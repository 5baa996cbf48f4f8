import type { VendorErrorOptions } from '@litegen/plugin-sdk';

/** The SDK reads OpenAI's shape and codes, those of billing and moderation among them. */
export const OPENAI_ERRORS: VendorErrorOptions = {
  vendor: 'OpenAI',
  // Wire name → gateway name.
  params: { safety_identifier: 'user', images: 'image', image: 'image' },
};
