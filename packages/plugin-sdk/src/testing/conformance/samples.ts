import type { Json, JsonObject } from '../../json.js';
import type { ImageParams, ImageRequest, InputMedia, Operation, Size, VideoRequest } from '../../request.js';
import { testImageRequest, testInput, testVideoRequest } from '../requests.js';
import { type ModelEntry, operationsOf, type ParamSpec } from './package.js';
import type { Random } from './random.js';

const OUTPUT_PIXELS = 64;
const DEFAULT_SIZE_LIMIT = 2048;
const TEXTS = [
  'a',
  'a lighthouse in fog',
  '"; DROP TABLE prompts; --',
  'línea\nnueva\t{"json":true}',
  '灯台 🗼 \u202e reversed',
  '<b>&amp;</b>%00%0a',
];

/** A generated request; the media type says which of the plugin's providers takes it. */
export type Sample =
  | { readonly media: 'image'; readonly model: ModelEntry; readonly request: ImageRequest }
  | { readonly media: 'video'; readonly model: ModelEntry; readonly request: VideoRequest };

interface Parts {
  readonly operation: Operation;
  readonly prompt: string;
  readonly n: number;
  readonly params: ImageParams;
  readonly inputs: readonly InputMedia[];
  readonly extra: JsonObject;
  readonly partialImages: number;
}

function build(model: ModelEntry, { operation, partialImages, ...parts }: Parts): Sample {
  const requested = { id: model.id, name: model.id.slice(model.id.indexOf('/') + 1), upstream: model.upstream ?? {} };
  if (operation !== 'video.generate') {
    return { media: 'image', model, request: testImageRequest({ ...parts, operation, partialImages, model: requested }) };
  }
  const { size, ...params } = parts.params;
  const video = size === undefined || size === 'auto' ? params : { ...params, size };
  return { media: 'video', model, request: testVideoRequest({ ...parts, params: video, operation, model: requested }) };
}

/** The least that a caller may ask of a model. */
export function leastSample(model: ModelEntry): Sample {
  const operation = operationsOf(model)[0] ?? (model.media_type === 'video' ? 'video.generate' : 'image.generate');
  const roles = Object.entries(model.ref_inputs?.roles ?? {});
  const inputs = roles.flatMap(([role, { min_count = 0 }]) => Array.from({ length: min_count }, () => testInput({ role })));
  const firstRole = roles[0]?.[0] ?? 'init';
  if (operation === 'image.edit' && inputs.length === 0) inputs.push(testInput({ role: firstRole }));
  return build(model, { operation, prompt: 'a lighthouse in fog', n: 1, params: {}, inputs, extra: {}, partialImages: 0 });
}

/** The least request whose answer comes as a stream, when the model can stream. */
export function streamedSample(model: ModelEntry): Sample | undefined {
  const sample = leastSample(model);
  if (sample.media !== 'image' || (model.streaming?.partial_images_max ?? 0) === 0) return undefined;
  return { ...sample, request: { ...sample.request, partialImages: 1 } };
}

/** A request that the model's YAML allows, as odd as it may be. */
export function fuzzedSample(model: ModelEntry, random: Random): Sample {
  const operation = random.pick(operationsOf(model)) ?? 'image.generate';
  const { n, ...specs } = model.params ?? {};
  const params: ImageParams = {};
  for (const [name, spec] of Object.entries(specs)) {
    const value = random.chance(0.6) ? paramValue(spec, random) : undefined;
    if (value !== undefined) params[name] = value;
  }
  const extra: JsonObject = {};
  for (const key of model.extra_allowlist ?? []) if (random.chance(0.3)) extra[key] = anyJson(random, 2);
  return build(model, {
    operation,
    prompt: promptText(model, random),
    n: n === undefined ? 1 : random.edgy(n.min ?? 1, n.max ?? 1),
    params,
    inputs: inputsOf(model, operation, random),
    extra,
    partialImages: operation === 'video.generate' ? 0 : random.integer(0, model.streaming?.partial_images_max ?? 0),
  });
}

function promptText(model: ModelEntry, random: Random): string {
  const { required = true, min_length = 1, max_length = 1000 } = model.prompt ?? {};
  if (!required && random.chance(0.2)) return '';
  const text = random.pick(TEXTS) ?? 'a';
  return text.padEnd(Math.max(min_length, random.chance(0.1) ? Math.min(max_length, 2000) : 1), 'é').slice(0, max_length);
}

function inputsOf(model: ModelEntry, operation: Operation, random: Random): InputMedia[] {
  const most = model.ref_inputs?.max_total ?? 16;
  const inputs: InputMedia[] = [];
  const add = (role: string): void => {
    const id = random.integer(0, 999);
    const where = random.pick([{}, { sourceUrl: `https://files.example/${id}.png` }, { publicUrl: `https://gateway.example/${id}` }]);
    inputs.push(testInput({ role, width: OUTPUT_PIXELS, height: OUTPUT_PIXELS, ...where }));
  };
  const roles = Object.entries(model.ref_inputs?.roles ?? {});
  for (const [role, { min_count = 0, max_count = 1 }] of roles) {
    // A picture from text takes no more references than the model insists on.
    const count = operation === 'image.generate' ? min_count : random.integer(min_count, Math.max(min_count, max_count));
    for (let added = 0; added < count && inputs.length < most; added += 1) add(role);
  }
  if (operation === 'image.edit' && inputs.length === 0) add(roles[0]?.[0] ?? 'init');
  return inputs;
}

function paramValue(spec: ParamSpec, random: Random): Json | Size | undefined {
  switch (spec.kind) {
    case 'bool':
      return random.chance(0.5);
    case 'int':
      return random.edgy(spec.min ?? 0, spec.max ?? 1000);
    case 'seed':
      return random.edgy(spec.min ?? 0, spec.max ?? 4_294_967_295);
    case 'float': {
      const { min = 0, max = 1 } = spec;
      return Math.min(max, Math.max(min, Math.round((min + random.next() * (max - min)) * 100) / 100));
    }
    case 'string':
      return spec.enum_values === undefined ? (random.pick(TEXTS) ?? 'a').slice(0, spec.max_length) : random.pick(spec.enum_values);
    case 'aspect_ratio':
      return random.pick(spec.allowed ?? ['1:1', '16:9']);
    case 'size':
      return sizeValue(spec, random);
    default:
      return undefined;
  }
}

function sizeValue(spec: ParamSpec, random: Random): Size | 'auto' | undefined {
  if (spec.allow_auto === true && random.chance(0.2)) return 'auto';
  if (spec.mode === 'enum') {
    const pair = random.pick(spec.values ?? []);
    return pair === undefined ? undefined : { width: pair[0], height: pair[1] };
  }
  const step = spec.multiple_of ?? 1;
  const side = (min = step, max = DEFAULT_SIZE_LIMIT): number => random.edgy(Math.ceil(min / step), Math.floor(max / step)) * step;
  for (let tries = 0; tries < 50; tries += 1) {
    const width = side(spec.min_width, spec.max_width);
    const height = side(spec.min_height, spec.max_height);
    const pixels = width * height;
    const ratio = Math.max(width / height, height / width);
    if (pixels < (spec.min_pixels ?? 0) || pixels > (spec.max_pixels ?? Number.POSITIVE_INFINITY)) continue;
    if (ratio <= (spec.max_ratio ?? Number.POSITIVE_INFINITY)) return { width, height };
  }
  return undefined;
}

/** Vendor options are whatever JSON the caller sent. */
function anyJson(random: Random, depth: number): Json {
  const leaf = random.pick<Json>([null, true, false, 0, -1, 0.5, 1e21, '', 'text', '灯台']) ?? null;
  if (depth === 0 || random.chance(0.6)) return leaf;
  const inner = anyJson(random, depth - 1);
  return random.chance(0.5) ? [inner, leaf] : { key: inner, __proto: leaf };
}
