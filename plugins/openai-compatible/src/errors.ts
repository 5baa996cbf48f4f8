import type { VendorErrorOptions } from '@litegen/plugin-sdk';

/** How these servers word their failures; the SDK reads OpenAI's, vLLM's and FastAPI's shapes and codes. */
export const SERVER_ERRORS: VendorErrorOptions = {
  vendor: 'The server',
  // Wire name → gateway name.
  params: {
    num_inference_steps: 'steps',
    seconds: 'duration_seconds',
    mask_image: 'mask',
    'image[]': 'image',
    generate_sound: 'audio',
    input_reference: 'first_frame',
  },
};
