import { makePng } from '@litegen/plugin-sdk/testing';
import { type OpenAiSimulator, startOpenAiSimulator } from 'litegen-provider-openai/simulator';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { row } from './table.js';

// Programs that do not run here. Each sends what its own source says it sends; the address says which file, and at which commit it was read.
const PROGRAMS = {
  n8n: 'https://github.com/n8n-io/n8n/tree/0713e950eff4/packages/@n8n/nodes-langchain/nodes/vendors/OpenAi/v2/actions',
  'Open WebUI': 'https://github.com/open-webui/open-webui/blob/02530d501461/backend/open_webui/routers/images.py',
  LobeChat: 'https://github.com/lobehub/lobe-chat/blob/3c7f18669a25/packages/model-runtime/src/core/openaiCompatibleFactory/createImage.ts',
} as const;

const KEY = 'test-master-key-0123456789';
const PICTURE = makePng({ width: 256, height: 256 });

const asked = (program: keyof typeof PROGRAMS, call: string) => row(`${program}, as [its source](${PROGRAMS[program]}) says`, call);

let vendor: OpenAiSimulator;
let gateway: Gateway;
let caller: Client;

beforeAll(async () => {
  vendor = await startOpenAiSimulator();
  gateway = await startGateway({
    env: {
      LITEGEN__MASTER_KEY: KEY,
      LITEGEN__PROVIDERS__OPENAI__API_KEY: vendor.apiKey,
      LITEGEN__PROVIDERS__OPENAI__API_BASE: vendor.apiBase,
    },
  });
  caller = new Client(gateway.url, KEY);
});

afterAll(async () => {
  await gateway?.stop();
  await vendor?.close();
});

interface Images {
  readonly data: readonly { readonly b64_json?: string; readonly url?: string }[];
}

/** For programs that send what not every model takes, and cannot say so. */
async function laxKey(): Promise<string> {
  return (await caller.read<{ key: string }>('/v1/keys', { body: { name: 'lax', strict: false } })).key;
}

const isPng = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').toString('latin1', 1, 4) === 'PNG';
const file = () => new File([PICTURE], 'fox.png', { type: 'image/png' });

/** A form as the library form-data writes it, in the order of the fields. */
function form(fields: readonly (readonly [string, string | File])[]): FormData {
  const made = new FormData();
  for (const [name, value] of fields) made.append(name, value);
  return made;
}

describe('n8n', () => {
  it.each(['b64_json', 'url'] as const)('generates a picture: %s', asked('n8n', 'image: generate'), async (format) => {
    const { data } = await caller.read<Images>('/v1/images/generations', {
      body: { prompt: 'a red fox', model: 'mock/paint', response_format: format, size: '1024x1024' },
    });
    expect(format === 'url' ? data[0]?.url : isPng(data[0]?.b64_json)).toBeTruthy();
  });

  // What its older node offers, which has no other names and cannot say `strict: false`.
  it('generates with DALL·E 3', asked('n8n', 'image: generate with DALL·E 3, with a lax key'), async () => {
    const { data } = await new Client(gateway.url, await laxKey()).read<Images>('/v1/images/generations', {
      body: { prompt: 'a red fox', model: 'dall-e-3', response_format: 'b64_json', quality: 'hd', size: '1792x1024', style: 'vivid' },
    });
    expect(isPng(data[0]?.b64_json)).toBe(true);
  });

  // It always sends `input_fidelity` with the names that it offers, all of which stand for a successor that takes none.
  it('edits pictures', asked('n8n', 'image: edit, with a lax key'), async () => {
    const fields = [
      ['image[]', file()],
      ['image[]', file()],
      ['prompt', 'add a moon'],
      ['model', 'gpt-image-1.5'],
      ['n', '1'],
      ['size', '1024x1024'],
      ['input_fidelity', 'high'],
      ['quality', 'auto'],
      ['mask', file()],
    ] as const;
    const { data } = await new Client(gateway.url, await laxKey()).read<Images>('/v1/images/edits', { body: form(fields) });
    expect(isPng(data[0]?.b64_json)).toBe(true);
  });

  it('makes a video, asking for it', asked('n8n', 'video: generate'), async () => {
    const fields = [
      ['model', 'mock/clip'],
      ['prompt', 'A video of a cat playing with a ball'],
      ['seconds', '1'],
      ['size', '1280x720'],
      ['input_reference', file()],
    ] as const;
    const { id } = await caller.read<{ id: string }>('/v1/videos', { body: form(fields) });
    interface Video {
      readonly status: string;
      readonly error: object | null;
    }
    let video: Video;
    do {
      video = await caller.read<Video>(`/v1/videos/${id}`);
      // What is truthy there ends its wait.
      expect(video.error).toBeNull();
    } while (video.status !== 'completed');
    const content = await caller.send(`/v1/videos/${id}/content`);
    expect([content.status, content.headers.get('content-type')]).toEqual([200, 'video/mp4']);
  });
});

describe('Open WebUI', () => {
  /** A form as aiohttp writes it: texts with a type of their own. */
  function aiohttpForm(fields: Readonly<Record<string, string>>, fileField: string, files: number): { body: FormData; type: string } {
    const boundary = 'f3a1c0de4b7e4b0c9d1e2f3a4b5c6d7e';
    const texts = Object.entries(fields).map(
      ([name, value]) =>
        `--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    const heads = Array.from(
      { length: files },
      (_unused, index) =>
        `--${boundary}\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name="${fileField}"; filename="${index}.png"\r\n\r\n`,
    );
    const parts = [
      ...texts.map((text) => Buffer.from(text)),
      ...heads.flatMap((head) => [Buffer.from(head), PICTURE, Buffer.from('\r\n')]),
    ];
    const body = Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
    return { body: body as unknown as FormData, type: `multipart/form-data; boundary=${boundary}` };
  }

  // The last two with additional parameters, which it takes from its settings.
  it.each([
    { model: 'mock/paint', size: '512x512', response_format: 'b64_json' },
    { model: 'gpt-image-1.5', size: '1024x1024', response_format: 'b64_json' },
    { model: 'mock/paint', size: '512x512', response_format: 'b64_json', style: 'vivid', strict: false },
  ])('generates a picture', asked('Open WebUI', 'image generation'), async (fields) => {
    const body = { prompt: 'a red fox', n: 1, ...fields };
    const { data } = await caller.read<Images>('/v1/images/generations?api-version=2025-04-01-preview', { body });
    // It would rather have the link, and fetch it from where links to private addresses are refused.
    expect([isPng(data[0]?.b64_json), data[0]?.url]).toEqual([true, undefined]);
  });

  it('generates a picture of a model whose name begins with gpt-image', asked('Open WebUI', 'image generation, GPT Image'), async () => {
    const { data } = await caller.read<Images>('/v1/images/generations', {
      body: { model: 'gpt-image-1.5', prompt: 'a red fox', n: 1, size: '1024x1024' },
    });
    // It fetches the link with its key.
    const picture = await caller.send(data[0]?.url ?? '');
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png']);
  });

  it.each([
    ['image', 1],
    ['image[]', 2],
  ] as const)('edits pictures: %s', asked('Open WebUI', 'image edit'), async (name, files) => {
    const fields = { model: 'mock/paint', prompt: 'add a moon', n: '1', size: '1024x1024', response_format: 'b64_json' };
    const { body, type } = aiohttpForm(fields, name, files);
    const response = await fetch(`${gateway.url}/v1/images/edits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': type },
      body,
    });
    expect(response.status, await response.clone().text()).toBe(200);
    const { data } = (await response.json()) as Images;
    expect(isPng(data[0]?.b64_json)).toBe(true);
  });
});

describe('LobeChat', () => {
  const openai = (apiKey = KEY) => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });

  it.each(['mock/paint', 'gpt-image-1.5'])('draws with %s', asked('LobeChat', 'image generation'), async (model) => {
    const { data } = await openai().images.generate({ model, n: 1, prompt: 'a red fox', size: '1024x1024' });
    expect(isPng(data?.[0]?.b64_json)).toBe(true);
  });

  it.each([1, 2])('edits %i pictures', asked('LobeChat', 'image edit, with a lax key'), async (count) => {
    const images = await Promise.all(Array.from({ length: count }, () => toFile(PICTURE, 'image.png', { type: 'image/png' })));
    const image = count === 1 ? (images[0] as File) : images;
    const { data } = await openai(await laxKey()).images.edit({
      model: 'gpt-image-1.5',
      n: 1,
      input_fidelity: 'high',
      image,
      prompt: 'add a moon',
    });
    expect(isPng(data?.[0]?.b64_json)).toBe(true);
  });

  it('edits with a model that has no input_fidelity', asked('LobeChat', 'image edit, with a lax key'), async () => {
    const image = await toFile(PICTURE, 'image.png', { type: 'image/png' });
    const edit = { model: 'gpt-image-2', n: 1, input_fidelity: 'high', image, prompt: 'add a moon' } as const;
    await expect(openai().images.edit(edit)).rejects.toMatchObject({ code: 'param_unsupported', param: 'input_fidelity' });
    const { data } = await openai(await laxKey()).images.edit(edit);
    expect(isPng(data?.[0]?.b64_json)).toBe(true);
  });
});
