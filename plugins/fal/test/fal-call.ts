import type { ImageProvider, Json, OperationStatus, VideoProvider } from '@litegen/plugin-sdk';
import { createTestCall, createTestSetup, type TestCall, type TestCallOptions } from '@litegen/plugin-sdk/testing';
import { FAL_TEST_KEY, type FalSimulator } from '../simulator/index.js';
import plugin from '../src/index.js';

export interface FalProviders {
  readonly image: ImageProvider;
  readonly video: VideoProvider;
  check(call: TestCall): Promise<void>;
}

/** A fresh instance of the plugin, as one process would have it. */
export function falProviders(): FalProviders {
  const { image, video, check } = plugin.create(createTestSetup('fal'));
  if (image === undefined || video === undefined || check === undefined) throw new Error('the plugin has lost a part');
  return { image, video, check };
}

/** A call that reaches the simulator. */
export function falCall(vendor: FalSimulator, options: TestCallOptions = {}): TestCall {
  const { api_base: apiBase, options: urls } = vendor.settings;
  return createTestCall({ apiBase, secrets: { apiKey: FAL_TEST_KEY }, ...options, options: { ...urls, ...options.options } });
}

/** Asks until the operation ends. */
export async function followed(provider: ImageProvider | VideoProvider, operation: Json, call: TestCall): Promise<OperationStatus> {
  for (let polls = 0; polls < 20; polls += 1) {
    const status = await provider.status?.(operation, call);
    if (status === undefined) throw new Error('the plugin cannot tell a status');
    if (status.state !== 'pending') return status;
  }
  throw new Error('still pending after 20 questions');
}
