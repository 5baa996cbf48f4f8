import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conformance, type HttpSimulator, makePng } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { startWebUi } from './web-ui.js';

const PLUGIN = fileURLToPath(new URL('../../examples/provider-plugin', import.meta.url));

conformance(
  'the example plugin',
  {
    packageDirectory: PLUGIN,
    errorBody: (status) => ({ detail: `played failure ${status}` }),
    vendor: {
      async start() {
        const vendor = await startWebUi();
        return { baseUrl: vendor.origin, close: () => vendor.close() };
      },
    },
  },
  { describe, it },
);

describe('the example plugin in a mounted folder', () => {
  const mount = mkdtempSync(join(tmpdir(), 'litegen-example-plugin-'));
  let vendor: HttpSimulator;
  let gateway: Gateway;
  let client: Client;

  beforeAll(async () => {
    vendor = await startWebUi();
    cpSync(PLUGIN, join(mount, 'sd-webui'), { recursive: true });
    gateway = await startGateway({
      env: { LITEGEN__PLUGINS__DIRECTORIES: mount, LITEGEN__PLUGINS__STRICT: 'true', SD_WEBUI_URL: vendor.origin },
    });
    client = new Client(gateway.url);
  });
  afterAll(async () => {
    await gateway?.stop();
    await vendor?.close();
    rmSync(mount, { recursive: true, force: true });
  });

  it('makes pictures from text', async () => {
    vendor.reset();
    const fields = { prompt: 'a red fox', n: 2, seed: 7, size: '512x768', guidance_scale: 6, extra: { sampler_name: 'Euler a' } };
    const answer = await client.image({ model: 'sd-webui/image', ...fields });
    expect(answer.status, answer.text).toBe(200);
    const { data, provider } = answer.json<{ data: object[]; provider: string }>();
    expect({ provider, pictures: data.length }).toEqual({ provider: 'sd-webui', pictures: 2 });
    expect(vendor.requests.map(({ path }) => path)).toEqual(['/sdapi/v1/txt2img']);
    expect(vendor.requests[0]?.json()).toEqual({
      prompt: 'a red fox',
      batch_size: 2,
      seed: 7,
      width: 512,
      height: 768,
      cfg_scale: 6,
      sampler_name: 'Euler a',
      override_settings: {},
    });
  });

  it('makes pictures from a picture', async () => {
    vendor.reset();
    const form = new FormData();
    for (const [name, value] of Object.entries({ model: 'sd-webui/image', prompt: 'a moon', strength: '0.5' })) form.set(name, value);
    form.set('image', new File([makePng()], 'fox.png', { type: 'image/png' }));
    const answer = await client.send('/v1/images/edits', { body: form });
    expect(answer.status, answer.text).toBe(200);
    expect(vendor.requests.map(({ path }) => path)).toEqual(['/sdapi/v1/img2img']);
    expect(vendor.requests[0]?.json()).toEqual({
      prompt: 'a moon',
      batch_size: 1,
      denoising_strength: 0.5,
      init_images: [expect.stringMatching(/^data:image\/png;base64,iVBOR/)],
      override_settings: {},
    });
  });
});
