import type { JsonObject } from '@litegen/plugin-sdk';
import {
  type HttpSimulator,
  type HttpSimulatorOptions,
  jsonReply,
  makePng,
  type ReceivedRequest,
  type SimulatorReply,
  startHttpSimulator,
  TINY_GIF,
  TINY_JPEG,
  TINY_WEBP,
} from '@litegen/plugin-sdk/testing';
import { MODELS, OUTPUT_TOKENS, PARTIAL_IMAGE_TOKENS } from './rules.js';
import { type ImageJob, Refusal, readEdit, readGeneration } from './validate.js';

/** Words in a prompt that make the simulator behave in a certain way. */
export const OPENAI_PROMPTS = {
  /** Moderation refuses the request before any work. */
  blockedInput: 'forbidden-input',
  /** Moderation refuses the picture that was made. */
  blockedOutput: 'forbidden-output',
  /** The stream ends with an `error` event after its first partial image. */
  streamError: 'stream-error',
  /** The stream ends after its partial images, without the finished one. */
  streamEnd: 'stream-end',
} as const;

export interface OpenAiSimulatorOptions extends HttpSimulatorOptions {
  /** Default `sk-test-openai`. */
  readonly apiKey?: string;
  /** Length of each PNG in bytes. Default: as small as it gets. */
  readonly imageBytes?: number;
  /** Until the answer to a generation starts. Milliseconds. Default 0. */
  readonly delayMs?: number;
}

export interface OpenAiSimulator extends HttpSimulator {
  /** What goes into `api_base`. */
  readonly apiBase: string;
  readonly apiKey: string;
  /** Pictures that were made and would be billed. */
  imagesMade(): number;
}

/** The error body of OpenAI, also for injected faults. */
export function openAiError(message: string, details: JsonObject = {}): JsonObject {
  return { error: { message, type: 'invalid_request_error', param: null, code: null, ...details } };
}

/** OpenAI's image endpoints as its documents describe them: what OpenAI would refuse is refused, in its words. */
export async function startOpenAiSimulator(options: OpenAiSimulatorOptions = {}): Promise<OpenAiSimulator> {
  const apiKey = options.apiKey ?? 'sk-test-openai';
  const pictures = new Map<string, Buffer>();
  let made = 0;
  let serial = 0;

  /** The base64 of a picture, made once per kind and shared by all answers. */
  const base64Of = (job: ImageJob): Buffer => {
    const size = job.size === 'auto' ? '1024x1024' : job.size;
    const key = `${size} ${job.outputFormat}`;
    const known = pictures.get(key);
    if (known) return known;
    const [width = 1024, height = 1024] = size.split('x').map(Number);
    const file =
      { jpeg: TINY_JPEG, webp: TINY_WEBP, gif: TINY_GIF }[job.outputFormat] ?? makePng({ width, height, bytes: options.imageBytes });
    const base64 = Buffer.from(file.toString('base64'), 'latin1');
    pictures.set(key, base64);
    return base64;
  };

  const work = async (job: ImageJob): Promise<SimulatorReply> => {
    if (job.prompt.includes(OPENAI_PROMPTS.blockedInput)) throw blocked('input');
    if (options.delayMs) await new Promise((resolve) => setTimeout(resolve, options.delayMs));
    if (job.prompt.includes(OPENAI_PROMPTS.blockedOutput)) throw blocked('output');
    made += job.n;
    const base64 = base64Of(job);
    if (job.partialImages === undefined) return documentReply(job, base64);
    return { status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' }, body: eventsOf(job, job.partialImages, base64) };
  };

  const route = async (request: ReceivedRequest): Promise<SimulatorReply> => {
    if (request.headers.authorization !== `Bearer ${apiKey}`) {
      const given = request.headers.authorization?.replace('Bearer ', '') ?? '';
      throw new Refusal(401, `Incorrect API key provided: ${given}.`, { code: 'invalid_api_key' });
    }
    const target = `${request.method} ${request.path}`;
    if (target === 'GET /v1/models') return jsonReply(200, { object: 'list', data: Object.keys(MODELS).map(modelOf) });
    if (target === 'POST /v1/images/generations') return work(readGeneration(request));
    if (target === 'POST /v1/images/edits') return work(await readEdit(request));
    throw new Refusal(404, `Invalid URL (${target})`);
  };

  const vendor = await startHttpSimulator(async (request) => {
    serial += 1;
    const reply = await route(request).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      return jsonReply(error.status, openAiError(error.message, error.details));
    });
    return { ...reply, headers: { ...reply.headers, 'x-request-id': `req_${serial}` } };
  }, options);
  return { ...vendor, apiBase: `${vendor.origin}/v1`, apiKey, imagesMade: () => made };
}

function blocked(stage: 'input' | 'output'): Refusal {
  return new Refusal(400, 'Your request was rejected by the safety system. safety_violations=[violence].', {
    type: 'image_generation_user_error',
    code: 'moderation_blocked',
    moderation_details: { moderation_stage: stage, categories: ['violence'] },
  });
}

function modelOf(id: string): object {
  return { id, object: 'model', created: 1_760_000_000, owned_by: 'openai', shutdown_date: MODELS[id]?.shutdownDate ?? null };
}

function describe(job: ImageJob): object {
  return {
    background: job.background === 'auto' ? 'opaque' : job.background,
    output_format: job.outputFormat,
    quality: job.quality === 'auto' ? 'medium' : job.quality,
    size: job.size === 'auto' ? '1024x1024' : job.size,
  };
}

function usageOf(job: ImageJob, images: number, partials: number): object {
  const text = Math.ceil(job.prompt.length / 4);
  const image = job.pictures.length * 323;
  const output = images * (OUTPUT_TOKENS[job.quality] ?? 439) + partials * PARTIAL_IMAGE_TOKENS;
  return {
    input_tokens: text + image,
    input_tokens_details: { text_tokens: text, image_tokens: image },
    output_tokens: output,
    output_tokens_details: { image_tokens: output, text_tokens: 0 },
    total_tokens: text + image + output,
  };
}

/** The document in pieces around the shared picture, which is never copied. */
function documentReply(job: ImageJob, base64: Buffer): SimulatorReply {
  const head = JSON.stringify({ created: now(), ...describe(job) }).slice(0, -1);
  const body: Buffer[] = [Buffer.from(`${head},"data":[`)];
  for (let index = 0; index < job.n; index += 1) {
    body.push(Buffer.from(`${index === 0 ? '' : ','}{"b64_json":"`), base64, Buffer.from('"}'));
  }
  body.push(Buffer.from(`],"usage":${JSON.stringify(usageOf(job, job.n, 0))}}`));
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

async function* eventsOf(job: ImageJob, partialImages: number, base64: Buffer): AsyncGenerator<Buffer> {
  const family = job.edit ? 'image_edit' : 'image_generation';
  for (let index = 0; index < partialImages; index += 1) {
    yield* eventOf(`${family}.partial_image`, { created_at: now(), ...describe(job), partial_image_index: index }, base64);
    if (job.prompt.includes(OPENAI_PROMPTS.streamError)) {
      const error = { type: 'error', ...openAiError('The server had an error while making the image.', { type: 'server_error' }) };
      yield Buffer.from(`event: error\ndata: ${JSON.stringify(error)}\n\n`);
      return;
    }
  }
  if (job.prompt.includes(OPENAI_PROMPTS.streamEnd)) return;
  for (let index = 0; index < job.n; index += 1) {
    const usage = usageOf(job, 1, index === 0 ? partialImages : 0);
    yield* eventOf(`${family}.completed`, { created_at: now(), ...describe(job), usage }, base64);
  }
}

function* eventOf(type: string, fields: object, base64: Buffer): Generator<Buffer> {
  yield Buffer.from(`event: ${type}\ndata: {"type":"${type}","b64_json":"`);
  yield base64;
  yield Buffer.from(`",${JSON.stringify(fields).slice(1)}\n\n`);
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
