import type { ReceivedRequest } from '@litegen/plugin-sdk/testing';
import { imageSize } from 'image-size';

export type ServerFlavour = 'vllm-omni' | 'sglang';

/** A refusal with the body that the server would send. */
export class ServerRefusal extends Error {
  constructor(
    readonly status: number,
    readonly body: object,
  ) {
    super(JSON.stringify(body));
  }
}

export interface ImageServerJob {
  readonly prompt: string;
  readonly n: number;
  readonly width: number;
  readonly height: number;
  readonly responseFormat: string;
}

export interface VideoJob {
  readonly prompt: string;
  readonly seconds: number;
  readonly size: string;
}

/** Pixels; vLLM-Omni's `--max-generated-image-size`. */
const MAX_PIXELS = 4096 * 4096;

export function readGeneration(request: ReceivedRequest, flavour: ServerFlavour, model: string): ImageServerJob {
  if (!request.headers['content-type']?.startsWith('application/json')) {
    throw validation([], 'Input should be a valid dictionary', 'model_attributes_type');
  }
  return readImageFields(request.json() as Record<string, unknown>, flavour, model, flavour === 'sglang' ? 'url' : 'b64_json');
}

export async function readEdit(request: ReceivedRequest, flavour: ServerFlavour, model: string): Promise<ImageServerJob> {
  const form = await multipart(request);
  const names = flavour === 'sglang' ? ['image', 'image[]', 'url', 'url[]'] : ['image', 'url'];
  const images = names.flatMap((name) => form.getAll(name));
  if (images.length === 0) throw validation(['image'], 'Field required', 'missing');
  for (const image of images) if (image instanceof File) await readPicture(image, 'image');
  const mask = form.get(flavour === 'sglang' ? 'mask' : 'mask_image');
  if (mask instanceof File) await readPicture(mask, 'mask');
  return readImageFields(numbersOf(form), flavour, model, 'b64_json');
}

export async function readVideo(request: ReceivedRequest, flavour: ServerFlavour, model: string): Promise<VideoJob> {
  const json = request.headers['content-type']?.startsWith('application/json');
  if (json && flavour === 'vllm-omni') throw validation(['prompt'], 'Field required', 'missing');
  const form = json ? undefined : await multipart(request);
  const reference = form?.get('input_reference');
  if (form && flavour === 'sglang' && !reference && !form.get('reference_url')) {
    throw new ServerRefusal(400, { detail: 'input_reference file or reference_url is required' });
  }
  if (reference instanceof File) await readPicture(reference, 'input_reference');
  const body = form ? Object.fromEntries(form) : (request.json() as Record<string, unknown>);
  const prompt = requirePrompt(body);
  checkModel(body, model);
  const { seconds = flavour === 'sglang' ? 4 : '4' } = body;
  const whole = /^\d+$/.test(String(seconds));
  if (!whole || (json && typeof seconds !== 'number')) throw validation(['seconds'], 'Input should be a valid integer', 'int_parsing');
  const size = typeof body.size === 'string' ? body.size : '720x1280';
  readSize(size);
  return { prompt, seconds: Number(seconds), size };
}

function readImageFields(body: Record<string, unknown>, flavour: ServerFlavour, model: string, defaultFormat: string): ImageServerJob {
  const prompt = requirePrompt(body);
  checkModel(body, model);
  const responseFormat = String(body.response_format ?? defaultFormat);
  const formats = flavour === 'sglang' ? ['url', 'b64_json'] : ['b64_json', 'file'];
  if (!formats.includes(responseFormat)) throw badRequest(flavour, 'response_format', `Unsupported response_format: ${responseFormat}`);
  const n = inRange(body, 'n', 1, 10) ?? 1;
  inRange(body, 'num_inference_steps', 1, 200);
  inRange(body, 'guidance_scale', 0, 20);
  const size = String(body.size ?? '1024x1024');
  const [width, height] = size === 'auto' ? [1024, 1024] : readSize(size);
  if (width * height > MAX_PIXELS) throw badRequest(flavour, 'size', `Requested image size ${size} exceeds the maximum.`);
  return { prompt, n, width, height, responseFormat };
}

function requirePrompt(body: Record<string, unknown>): string {
  if (typeof body.prompt !== 'string') throw validation(['prompt'], 'Field required', 'missing');
  return body.prompt;
}

function checkModel(body: Record<string, unknown>, model: string): void {
  if (body.model === undefined || body.model === model) return;
  const message = `The model \`${String(body.model)}\` does not exist.`;
  throw new ServerRefusal(404, { error: { message, type: 'NotFoundError', param: 'model', code: 404 } });
}

function inRange(body: Record<string, unknown>, name: string, min: number, max: number): number | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw validation([name], 'Input should be a valid number', 'float_parsing');
  if (value < min) throw validation([name], `Input should be greater than or equal to ${min}`, 'greater_than_equal');
  if (value > max) throw validation([name], `Input should be less than or equal to ${max}`, 'less_than_equal');
  return value;
}

function readSize(size: string): [number, number] {
  const match = /^(\d+)x(\d+)$/.exec(size);
  if (!match) throw new ServerRefusal(400, { detail: `Invalid size format: '${size}'. Expected 'WIDTHxHEIGHT'.` });
  return [Number(match[1]), Number(match[2])];
}

async function multipart(request: ReceivedRequest): Promise<FormData> {
  if (!request.headers['content-type']?.startsWith('multipart/form-data')) throw validation(['prompt'], 'Field required', 'missing');
  return request.form();
}

/** Form values are strings; those of numeric fields are read as numbers. */
function numbersOf(form: FormData): Record<string, unknown> {
  const numeric = new Set(['n', 'seed', 'num_inference_steps', 'guidance_scale', 'true_cfg_scale']);
  return Object.fromEntries(
    [...form].map(([name, value]) => [name, numeric.has(name) && Number.isFinite(Number(value)) ? Number(value) : value]),
  );
}

async function readPicture(file: File, field: string): Promise<void> {
  try {
    imageSize(Buffer.from(await file.arrayBuffer()));
  } catch {
    throw new ServerRefusal(400, { detail: `${field}: cannot identify image file` });
  }
}

function badRequest(flavour: ServerFlavour, param: string, message: string): ServerRefusal {
  if (flavour === 'sglang') return new ServerRefusal(400, { detail: message });
  return new ServerRefusal(400, { error: { message, type: 'BadRequestError', param, code: 400 } });
}

function validation(path: readonly string[], msg: string, type: string): ServerRefusal {
  return new ServerRefusal(422, { detail: [{ type, loc: ['body', ...path], msg }] });
}
