import {
  type HttpSimulator,
  type HttpSimulatorOptions,
  jsonReply,
  makeMp4,
  makePng,
  type ReceivedRequest,
  type SimulatorReply,
  startHttpSimulator,
} from '@litegen/plugin-sdk/testing';
import { readEdit, readGeneration, readVideo, type ServerFlavour, ServerRefusal } from './validate.js';
import { Videos } from './videos.js';

/** Words in a prompt that make the simulator behave in a certain way. */
export const COMPATIBLE_PROMPTS = {
  /** A gateway's moderation refuses, in OpenAI's words. */
  blocked: 'forbidden',
  /** The graphics card has too little memory. */
  outOfMemory: 'too-large',
  /** The video job fails. */
  videoFails: 'will-fail',
} as const;

export interface CompatibleSimulatorOptions extends HttpSimulatorOptions {
  readonly flavour: ServerFlavour;
  /** Default: none is wanted. */
  readonly apiKey?: string;
  /** The one model that the server serves. Default `served-model`. */
  readonly model?: string;
  /** Length of each PNG in bytes. Default: as small as it gets. */
  readonly imageBytes?: number;
  /** Length of each MP4 in bytes. Default 4096. */
  readonly videoBytes?: number;
  /** How often a video's status is asked before it is completed. Default 2. */
  readonly videoPolls?: number;
}

export interface CompatibleSimulator extends HttpSimulator {
  /** What goes into `api_base`, with the version. */
  readonly apiBase: string;
  imagesMade(): number;
  /** Videos whose work was ended by a DELETE. */
  videosAborted(): number;
  /** Forgets every video, as a restart of the server does. */
  restart(): void;
}

/** A vLLM-Omni or SGLang-Diffusion server that serves one model. */
export async function startCompatibleSimulator(options: CompatibleSimulatorOptions): Promise<CompatibleSimulator> {
  const model = options.model ?? 'served-model';
  const videos = new Videos(options.flavour, model, options.videoPolls ?? 2);
  const stored = new Map<string, Buffer>();
  let made = 0;

  const imageReply = (job: { prompt: string; n: number; width: number; height: number; responseFormat: string }): SimulatorReply => {
    judgePrompt(job.prompt);
    made += job.n;
    const id = `img_${made}`;
    const png = makePng({ width: job.width, height: job.height, bytes: options.imageBytes });
    const asUrl = job.responseFormat === 'url';
    if (asUrl) stored.set(id, png);
    const data = Array.from({ length: job.n }, (_, index) =>
      asUrl ? { url: `/v1/images/${id}/content?variant=${index}` } : { b64_json: png.toString('base64') },
    );
    const created = Math.floor(Date.now() / 1000);
    if (options.flavour === 'vllm-omni') return jsonReply(200, { created, data, output_format: 'png', size: `${job.width}x${job.height}` });
    const withPaths = data.map((item) => ({ ...item, file_path: `/srv/outputs/${id}.png` }));
    return jsonReply(200, { id, created, data: withPaths, peak_memory_mb: 30_000, inference_time_s: 0.5 });
  };

  const routeVideo = async (request: ReceivedRequest): Promise<SimulatorReply> => {
    if (request.path === '/v1/videos') {
      const job = await readVideo(request, options.flavour, model);
      judgePrompt(job.prompt);
      return jsonReply(200, videos.create(job, job.prompt.includes(COMPATIBLE_PROMPTS.videoFails)));
    }
    const [, id = '', content] = /^\/v1\/videos\/([^/]+)(\/content)?$/.exec(request.path) ?? [];
    if (request.method === 'DELETE') return jsonReply(200, videos.delete(id));
    if (content === undefined) return jsonReply(200, videos.poll(id));
    videos.requireCompleted(id);
    return { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(options.videoBytes ?? 4096) };
  };

  const route = async (request: ReceivedRequest): Promise<SimulatorReply> => {
    if (request.path === '/health') return { status: 200 };
    if (options.apiKey !== undefined && request.headers.authorization !== `Bearer ${options.apiKey}`) {
      return jsonReply(401, { error: 'Unauthorized' });
    }
    const target = `${request.method} ${request.path}`;
    if (target === 'GET /v1/models') return jsonReply(200, { object: 'list', data: [{ id: model, object: 'model' }] });
    if (target === 'POST /v1/images/generations') return imageReply(readGeneration(request, options.flavour, model));
    if (target === 'POST /v1/images/edits') return imageReply(await readEdit(request, options.flavour, model));
    if (/^(POST \/v1\/videos|(GET|DELETE) \/v1\/videos\/.+)$/.test(target)) return routeVideo(request);
    const picture = stored.get(/^\/v1\/images\/([^/]+)\/content$/.exec(request.path)?.[1] ?? '');
    if (picture) return { status: 200, headers: { 'content-type': 'image/png' }, body: picture };
    return jsonReply(404, { detail: 'Not Found' });
  };

  const vendor = await startHttpSimulator(
    (request) =>
      route(request).catch((error: unknown) => {
        if (!(error instanceof ServerRefusal)) throw error;
        return jsonReply(error.status, error.body);
      }),
    options,
  );
  return {
    ...vendor,
    apiBase: `${vendor.origin}/v1`,
    imagesMade: () => made,
    videosAborted: () => videos.aborted,
    restart: () => videos.clear(),
  };
}

function judgePrompt(prompt: string): void {
  if (prompt.includes(COMPATIBLE_PROMPTS.blocked)) {
    const error = {
      message: 'Refused by the content policy.',
      type: 'invalid_request_error',
      param: 'prompt',
      code: 'content_policy_violation',
    };
    throw new ServerRefusal(400, { error });
  }
  if (prompt.includes(COMPATIBLE_PROMPTS.outOfMemory)) {
    const error = { message: 'CUDA out of memory. Tried to allocate 40.00 GiB.', type: 'InternalServerError', param: null, code: 500 };
    throw new ServerRefusal(500, { error });
  }
}
