import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAL_TEST_KEY, type FalSimulator, startFalSimulator } from 'litegen-provider-fal/simulator';
import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { Client } from '../support/client.js';
import { startGateway } from '../support/gateway.js';

const MASTER_KEY = 'the-master-key-of-this-test';
const VENDOR_KEY = 'vendor-key-5f0c7a91';
/** Of every model here. */
export const PRICE_USD = 0.04;

/** The vendor's models with a price, so that holds and bills can be seen. */
const MODELS = `
models:
  - id: openai-compatible/priced
    provider: openai-compatible
    media_type: image
    display_name: Priced
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
  - id: openai-compatible/impatient
    provider: openai-compatible
    media_type: image
    display_name: Impatient
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    limits: { headers_timeout_seconds: 1 }
  - id: openai-compatible/film
    provider: openai-compatible
    media_type: video
    display_name: Film
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_video: true }
    prompt: { required: true }
    polling: { initial_seconds: 0.1, interval_seconds: 0.1, max_interval_seconds: 0.1 }
  - id: fal/watched
    provider: fal
    media_type: image
    display_name: Watched
    upstream: { endpoint: fal-ai/fast-sdxl, fields: { output_format: format } }
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    polling: { initial_seconds: 0.1, interval_seconds: 0.1, max_interval_seconds: 0.1 }
  - id: fal/called-back
    provider: fal
    media_type: image
    display_name: Called back
    upstream: { endpoint: fal-ai/fast-sdxl, fields: { output_format: format } }
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    webhooks: true
    polling: { initial_seconds: 600, interval_seconds: 600, max_interval_seconds: 600 }
  - id: fal/called-back-and-watched
    provider: fal
    media_type: image
    display_name: Called back and watched
    upstream: { endpoint: fal-ai/fast-sdxl, fields: { output_format: format } }
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    webhooks: true
    polling: { initial_seconds: 0.1, interval_seconds: 0.1, max_interval_seconds: 0.1 }
`;

export interface PricedVendors {
  readonly compatible: CompatibleSimulator;
  readonly fal: FalSimulator;
  /** Of the gateway. */
  readonly url: string;
  /** Uses an API key with a quota. */
  readonly client: Client;
  /** What that key spent and holds, US dollars. */
  spent(): Promise<{ readonly tokens_used: number; readonly tokens_held: number }>;
  reset(): void;
  close(): Promise<void>;
}

/** A gateway in front of a synchronous vendor and of one with a queue, which calls back only when a test does it. */
export async function startPricedVendors(): Promise<PricedVendors> {
  const models = mkdtempSync(join(tmpdir(), 'litegen-models-'));
  writeFileSync(join(models, 'models.yaml'), MODELS);
  const compatible = await startCompatibleSimulator({ flavour: 'vllm-omni', apiKey: VENDOR_KEY });
  const fal = await startFalSimulator({ callBack: false, queuedPolls: 0 });
  const gateway = await startGateway({
    yaml: JSON.stringify({
      providers: {
        'openai-compatible': { api_base: compatible.apiBase, api_key: VENDOR_KEY, options: { dialect: 'vllm-omni' } },
        fal: { ...fal.settings, api_key: FAL_TEST_KEY },
      },
      models_directory: models,
      master_key: MASTER_KEY,
      // Nobody listens there: the tests carry callbacks to the gateway themselves.
      server: { public_url: 'http://127.0.0.1:9' },
      // A vendor that has called back is trusted to do it again, but some here are to be found by a poll.
      engine: { tick_ms: 50, callback_poll_seconds: 0.1, result_grace_seconds: 3 },
    }),
  });
  const master = new Client(gateway.url, MASTER_KEY);
  const { id, key } = await master.read<{ id: string; key: string }>('/v1/keys', {
    body: { name: 'spender', scopes: 'generate,read', token_quota: 1000 },
  });
  return {
    compatible,
    fal,
    url: gateway.url,
    client: new Client(gateway.url, key),
    spent: () => master.read(`/v1/keys/${id}`),
    reset: () => {
      compatible.reset();
      fal.reset();
    },
    close: async () => {
      await gateway.stop();
      await Promise.all([compatible.close(), fal.close()]);
      rmSync(models, { recursive: true, force: true });
    },
  };
}
