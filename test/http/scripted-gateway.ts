import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, Client, type GenerationView } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { type ScriptedSimulator, startScriptedSimulator } from '../support/scripted-simulator.js';

const MASTER_KEY = 'the-master-key-of-this-test';
export const VENDOR_KEY = 'vendor-key-5f0c7a91';
/** Of every picture and clip here that has a flat price. */
export const PRICE_USD = 0.04;

const QUICK = '{ initial_seconds: 0.1, interval_seconds: 0.1, max_interval_seconds: 0.1 }';

const MODELS = `
models:
  - &picture
    id: openai-compatible/picture
    provider: openai-compatible
    media_type: image
    display_name: Picture
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    params: { n: { kind: int, min: 1, max: 10 } }
  - { <<: *picture, id: openai-compatible/strict-bill, charges: { content_rejected: yes, failed: no } }
  - <<: *picture
    id: openai-compatible/counted
    pricing:
      components:
        - { unit: input_text_token, usd: "5", per: 1000000 }
        - { unit: cached_input_text_token, usd: "1.25", per: 1000000 }
        - { unit: input_image_token, usd: "8", per: 1000000 }
        - { unit: output_text_token, usd: "10", per: 1000000 }
        - { unit: output_image_token, usd: "32", per: 1000000 }
      estimates:
        - { unit: input_text_token, quantity: 100 }
        - { unit: input_image_token, quantity: 0 }
        - { unit: output_text_token, quantity: 0 }
        - { unit: output_image_token, quantity: 1000, per_output: true }
      ceiling_usd: "1"
  - id: openai-compatible/film
    provider: openai-compatible
    media_type: video
    display_name: Film
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_video: true }
    prompt: { required: true }
    params: { duration_seconds: { kind: int, min: 1, max: 60 } }
    polling: ${QUICK}
  - id: openai-compatible/short-film
    provider: openai-compatible
    media_type: video
    display_name: Short film
    pricing: { base_cost_usd: ${PRICE_USD} }
    capabilities: { text_to_video: true }
    prompt: { required: true }
    polling: ${QUICK}
    limits: { deadline_seconds: 2 }
  - { id: fal/flux-dev, polling: ${QUICK} }
  # Whatever day it is.
  - { id: openai/gpt-image-1.5, lifecycle: { sunset: 2099-01-01 } }
  - { id: fal/recraft-v3, polling: ${QUICK} }
`;

export interface ScriptedGateway {
  readonly vendor: ScriptedSimulator;
  readonly gateway: Gateway;
  readonly client: Client;
  /** A generation as its owner sees it once it has ended. */
  made(answer: Answer): Promise<GenerationDetail>;
  stop(): Promise<void>;
}

/** Beside what the other suites look at. */
export type GenerationDetail = GenerationView & {
  readonly usage: Readonly<Record<string, number>> | null;
  readonly receipt: { readonly [list: string]: readonly { readonly param?: string; readonly reason?: string }[] };
  readonly request: { readonly params: object; readonly extra: object };
};

export interface ScriptedSettings {
  readonly databaseUrl?: string;
  /** Of its process, on top of a clean environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further keys of `litegen.yaml`, and of its providers, from the vendor's address. */
  readonly settings?: object;
  readonly providers?: (origin: string) => Readonly<Record<string, object>>;
  /** Further YAML of models, as entries of the list. */
  readonly models?: string;
}

/** The built gateway in front of one server that plays the vendors of all plugins. */
export async function startScriptedGateway({
  databaseUrl,
  env,
  settings,
  providers,
  models = '',
}: ScriptedSettings = {}): Promise<ScriptedGateway> {
  const directory = mkdtempSync(join(tmpdir(), 'litegen-models-'));
  writeFileSync(join(directory, 'models.yaml'), MODELS + models);
  const vendor = await startScriptedSimulator();
  const own = providers?.(vendor.origin) ?? {};
  const close = async (): Promise<void> => {
    await vendor.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const gateway = await startGateway({
    databaseUrl,
    env,
    yaml: JSON.stringify({
      providers: {
        'openai-compatible': { api_base: vendor.origin, api_key: VENDOR_KEY, ...own['openai-compatible'] },
        openai: { api_base: `${vendor.origin}/v1`, api_key: VENDOR_KEY, ...own['openai'] },
        fal: { api_base: vendor.origin, api_key: VENDOR_KEY, ...own['fal'] },
      },
      models_directory: directory,
      master_key: MASTER_KEY,
      engine: { tick_ms: 50 },
      ...settings,
    }),
  }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const client = new Client(gateway.url, MASTER_KEY);
  return {
    vendor,
    gateway,
    client,
    made: async (answer) => {
      const body = answer.json<{ id?: string; error?: { generation_id?: string } }>();
      return (await client.ended(body.id ?? body.error?.generation_id ?? '')) as GenerationDetail;
    },
    stop: async () => {
      await gateway.stop();
      await close();
    },
  };
}

/** What a receipt says about a field. */
export function reasonsFor({ receipt }: GenerationDetail, param: string): string[] {
  return Object.values(receipt)
    .flat()
    .flatMap((line) => (typeof line === 'object' && line.param === param ? [line.reason ?? ''] : []));
}
