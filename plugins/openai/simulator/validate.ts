import type { JsonObject } from '@litegen/plugin-sdk';
import type { ReceivedRequest } from '@litegen/plugin-sdk/testing';
import { Ajv, type ValidateFunction } from 'ajv';
import { imageSize } from 'image-size';
import schemas from './request-schemas.json' with { type: 'json' };
import { MODELS, type ModelRules, sizeProblem } from './rules.js';

/** A refusal as OpenAI words it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly details: { type?: string; param?: string | null; code?: string | null; moderation_details?: JsonObject } = {},
  ) {
    super(message);
  }
}

export interface Picture {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
  /** `png`, `jpg` or `webp`. */
  readonly type: string;
}

/** A request that OpenAI would take. */
export interface ImageJob {
  readonly edit: boolean;
  readonly model: string;
  readonly prompt: string;
  readonly n: number;
  readonly size: string;
  readonly quality: string;
  readonly background: string;
  readonly outputFormat: string;
  /** Undefined when the answer is one JSON document. */
  readonly partialImages?: number;
  readonly pictures: readonly Picture[];
  readonly mask?: Picture;
}

const MIB = 1024 * 1024;
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: false });
const check = {
  generation: ajv.compile(schemas.generation),
  multipartEdit: ajv.compile(schemas.multipartEdit),
  jsonEdit: ajv.compile(schemas.jsonEdit),
};
const properties = (name: keyof typeof check): readonly string[] => Object.keys(schemas[name].properties);
/** The vendor's guide lists `moderation` for both kinds of edit, its schema for one only. */
const MULTIPART_KEYS = [...properties('multipartEdit'), 'moderation', 'markup'];

export function readGeneration(request: ReceivedRequest): ImageJob {
  const body = jsonBody(request);
  const rules = modelRules(body);
  checkBody('generation', check.generation, properties('generation'), body, rules);
  return toJob(false, body, rules, []);
}

export async function readEdit(request: ReceivedRequest): Promise<ImageJob> {
  if (request.headers['content-type']?.startsWith('multipart/form-data')) return readMultipartEdit(request);
  const body = jsonBody(request);
  const rules = modelRules(body);
  checkBody('jsonEdit', check.jsonEdit, properties('jsonEdit'), body, rules);
  const pictures = (body.images as { image_url: string }[]).map((image, index) => fromUrl(image.image_url, `images[${index}]`));
  const mask = body.mask as { image_url: string } | undefined;
  return toJob(true, body, rules, pictures, mask && fromUrl(mask.image_url, 'mask'));
}

async function readMultipartEdit(request: ReceivedRequest): Promise<ImageJob> {
  const form = await request.form();
  const body: Record<string, unknown> = {};
  for (const [name, value] of form) {
    if (typeof value === 'string') body[name] = /^(\d+|true|false)$/.test(value) && name !== 'prompt' ? JSON.parse(value) : value;
  }
  const files = [...form.getAll('image'), ...form.getAll('image[]')].filter((file) => file instanceof File);
  if (files.length > 0) body.image = files.length === 1 ? 'file' : files.map(() => 'file');
  const rules = modelRules(body);
  checkBody('multipartEdit', check.multipartEdit, MULTIPART_KEYS, body, rules);
  const pictures = await Promise.all(files.map((file, index) => fromFile(file, `image[${index}]`)));
  const [mask, markup] = [form.get('mask'), form.get('markup')];
  if (markup instanceof File) {
    if (!rules.markup) throw unknownParameter('markup');
    if (mask) throw invalid('markup', 'mask and markup cannot be used together.');
    await fromFile(markup, 'markup');
  }
  return toJob(true, body, rules, pictures, mask instanceof File ? await fromFile(mask, 'mask') : undefined);
}

function jsonBody(request: ReceivedRequest): Record<string, unknown> {
  if (!request.headers['content-type']?.startsWith('application/json')) {
    throw new Refusal(400, `Unsupported content type: '${request.headers['content-type'] ?? ''}'.`, { code: 'unsupported_content_type' });
  }
  try {
    return request.json() as Record<string, unknown>;
  } catch {
    throw new Refusal(400, 'We could not parse the JSON body of your request.');
  }
}

function modelRules(body: Record<string, unknown>): ModelRules {
  const rules = typeof body.model === 'string' && Object.hasOwn(MODELS, body.model) ? MODELS[body.model] : undefined;
  if (!rules) throw new Refusal(404, `The model '${String(body.model)}' does not exist.`, { code: 'model_not_found', param: 'model' });
  return rules;
}

function checkBody(
  kind: keyof typeof check,
  validate: ValidateFunction,
  known: readonly string[],
  body: Record<string, unknown>,
  rules: ModelRules,
): void {
  for (const name of Object.keys(body)) {
    const refused = name === 'response_format' || name === 'style' || (name === 'input_fidelity' && rules.inputFidelity.length === 0);
    if (refused || !(known.includes(name) || rules.newerKeys.includes(name))) throw unknownParameter(name);
  }
  // Values newer than the schemas are judged by the model's own rules.
  const published = { ...body };
  for (const [name, values] of [
    ['quality', rules.qualities],
    ['output_format', rules.formats],
  ] as const) {
    if (body[name] === undefined) continue;
    if (!values.includes(String(body[name])))
      throw invalid(name, `Invalid value: '${String(body[name])}'. Supported: ${values.join(', ')}.`);
    delete published[name];
  }
  if (!validate(published)) {
    const error = validate.errors?.[0];
    const param = error?.keyword === 'required' ? String(error.params.missingProperty) : error?.instancePath.slice(1).replace('/', '.');
    if (error?.keyword === 'required')
      throw new Refusal(400, `Missing required parameter: '${param}'.`, { param, code: 'missing_required_parameter' });
    throw invalid(param ?? kind, `${param}: ${error?.message}`);
  }
}

function toJob(edit: boolean, body: Record<string, unknown>, rules: ModelRules, pictures: readonly Picture[], mask?: Picture): ImageJob {
  const text = (name: string, otherwise: string): string => (typeof body[name] === 'string' ? body[name] : otherwise);
  const job: ImageJob = {
    edit,
    model: text('model', ''),
    prompt: text('prompt', ''),
    n: typeof body.n === 'number' ? body.n : 1,
    size: text('size', 'auto'),
    quality: text('quality', 'auto'),
    background: text('background', 'auto'),
    outputFormat: text('output_format', 'png'),
    partialImages: body.stream === true ? Number(body.partial_images ?? 0) : undefined,
    pictures,
    mask,
  };
  if (job.prompt === '' || job.prompt.length > 32_000) throw invalid('prompt', 'The prompt must have 1 to 32000 characters.');
  if (job.n < 1 || job.n > 10) throw invalid('n', 'n must be between 1 and 10.');
  const problem = sizeProblem(rules, job.size);
  if (problem) throw invalid('size', problem);
  if (job.background === 'transparent' && !['png', 'webp'].includes(job.outputFormat)) {
    throw invalid('background', 'Transparent background needs the png or webp output format.');
  }
  if (body.output_compression !== undefined && !['jpeg', 'webp'].includes(job.outputFormat)) {
    throw invalid('output_compression', 'Compression is supported for jpeg and webp only.');
  }
  if (typeof body.safety_identifier === 'string' && body.safety_identifier.length > 128) {
    throw invalid('safety_identifier', 'safety_identifier must have at most 128 characters.');
  }
  if (body.input_fidelity !== undefined && !rules.inputFidelity.includes(String(body.input_fidelity))) {
    throw invalid('input_fidelity', 'This input_fidelity is not supported by the model.');
  }
  if (body.partial_images !== undefined && body.stream !== true) throw invalid('partial_images', 'partial_images needs stream.');
  if (edit && (pictures.length < 1 || pictures.length > 16)) throw invalid('image', 'Between 1 and 16 images are needed.');
  checkMask(pictures[0], mask);
  return job;
}

function checkMask(first: Picture | undefined, mask: Picture | undefined): void {
  if (!mask) return;
  if (mask.type !== 'png' || mask.data.length >= 4 * MIB) throw invalid('mask', 'The mask must be a PNG of less than 4 MB.');
  if (mask.width !== first?.width || mask.height !== first.height) throw invalid('mask', 'The mask must be as large as the image.');
}

function fromUrl(url: unknown, param: string): Picture {
  const match = typeof url === 'string' ? /^data:image\/[a-z]+;base64,/.exec(url) : null;
  // The simulator works without a network, so it takes data URLs only.
  if (!match) throw invalid(param, 'The image URL could not be read.');
  return picture(Buffer.from((url as string).slice(match[0].length), 'base64'), param);
}

async function fromFile(file: string | File, param: string): Promise<Picture> {
  if (!(file instanceof File)) throw invalid(param, 'A file is expected.');
  return picture(Buffer.from(await file.arrayBuffer()), param);
}

function picture(data: Buffer, param: string): Picture {
  if (data.length >= 50 * MIB) throw invalid(param, 'Each image must have less than 50 MB.');
  try {
    const { width, height, type } = imageSize(data);
    if (type === 'png' || type === 'jpg' || type === 'webp') return { data, width, height, type };
  } catch {
    // Refused below, like every other kind of file.
  }
  throw new Refusal(400, 'Invalid image file or mode for image edit.', { param, code: 'invalid_image_file' });
}

function invalid(param: string, message: string): Refusal {
  return new Refusal(400, message, { param, code: 'invalid_value' });
}

function unknownParameter(name: string): Refusal {
  return new Refusal(400, `Unknown parameter: '${name}'.`, { param: name, code: 'unknown_parameter' });
}
