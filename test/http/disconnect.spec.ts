import { makePng } from '@litegen/plugin-sdk/testing';
import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, type SendOptions, until } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';

const WORK_MS = 1_000;
const MODEL = 'openai-compatible/image';

/** What was paid for is never thrown away because its caller left. */
describe('a caller that goes away', () => {
  let vendor: CompatibleSimulator;
  let gateway: Gateway;
  let client: Client;

  beforeAll(async () => {
    vendor = await startCompatibleSimulator({ flavour: 'vllm-omni' });
    gateway = await startGateway({
      yaml: `providers: { openai-compatible: { api_base: '${vendor.apiBase}', options: { dialect: vllm-omni } } }`,
    });
    client = new Client(gateway.url);
  });
  beforeEach(() => vendor.reset());
  afterAll(async () => {
    await gateway?.stop();
    await vendor?.close();
  });

  /** Sends a request, and hangs up once the vendor works on it. */
  async function hangUp(path: string, options: SendOptions): Promise<void> {
    vendor.inject({ kind: 'latency', ms: WORK_MS }, { path: /^\/v1\/images\// });
    const leaving = new AbortController();
    const answer = client.send(path, { ...options, signal: leaving.signal });
    const refused = expect(answer).rejects.toThrow(/abort/);
    await until(() => vendor.requests.length > 0);
    leaving.abort();
    await refused;
  }

  async function expectCompleted(): Promise<void> {
    const { id, status } = await client.latest();
    expect(status).toBe('processing');
    const { outputs, error, ...generation } = await client.ended(id);
    expect(error).toBeNull();
    expect(generation.status).toBe('completed');
    expect(outputs).toHaveLength(1);
    const file = await fetch(outputs[0]?.url ?? '');
    expect(file.status).toBe(200);
    expect((await file.arrayBuffer()).byteLength).toBe(outputs[0]?.bytes);
    expect(vendor.count(/^\/v1\/images\//)).toBe(1);
    expect(generation.attempts).toMatchObject([{ state: 'succeeded', charged: 'yes' }]);
  }

  it('finds the image that it asked for', async () => {
    await hangUp('/v1/images/generations', { body: { model: MODEL, prompt: 'a boat' } });
    await expectCompleted();
  });

  it('finds the image whose stream it read', async () => {
    await hangUp('/v1/images/generations', { body: { model: MODEL, prompt: 'a boat', stream: true } });
    await expectCompleted();
  });

  it('finds the image that it wanted to be edited', async () => {
    const form = new FormData();
    form.append('model', MODEL);
    form.append('prompt', 'a boat');
    form.append('image', new Blob([new Uint8Array(makePng())], { type: 'image/png' }), 'boat.png');
    await hangUp('/v1/images/edits', { body: form });
    await expectCompleted();
  });
});
