import type { Size } from '@litegen/plugin-sdk';
import type { ErrorCode } from '../../../platform/common/index.js';
import { formatSize, parseRatio, parseSize } from '../ratio.js';
import type { ParamSpec, SizeSpec } from '../schema/index.js';
import { mismatch, show, wrongType } from './fields.policy.js';
import { nearestRatio, nearestSize, usualArea, type WantedShape } from './size-match.js';
import { freeformProblem } from './size-rules.js';

type RatioSpec = Extract<ParamSpec, { kind: 'aspect_ratio' }>;

/** What a model knows about shapes. An `aspect_ratio` declared as plain text is checked as text and takes no part in mapping. */
export interface ShapeSpecs {
  readonly modelId: string;
  readonly size?: SizeSpec;
  readonly ratio?: RatioSpec;
  /** Values such as `720p`, when the model has a list of resolutions. */
  readonly resolutions?: readonly string[];
}

/** What else the request says. */
export interface ShapeContext {
  readonly strict: boolean;
  /** Whether `auto` can be sent as a size. */
  readonly hasAutomaticSize: boolean;
  /** Whether the caller asked for another parameter. */
  asks(name: 'size' | 'aspect_ratio' | 'resolution'): boolean;
}

export type ShapeOutcome =
  | { readonly action: 'apply'; readonly value: string | Size }
  /** Fulfilled by sending nothing. */
  | { readonly action: 'leave' }
  | { readonly action: 'map'; readonly params: Readonly<Record<string, string | Size>>; readonly to: string; readonly reason: string }
  | { readonly action: 'drop'; readonly reason: string }
  | { readonly action: 'reject'; readonly code: ErrorCode; readonly message: string; readonly accepted?: readonly (string | number)[] };

/** The sizes that a model takes, in words. */
export function acceptedSizes(spec: SizeSpec): string[] {
  const auto = spec.allow_auto === true ? ['auto'] : [];
  if (spec.mode === 'enum') return [...spec.values.map(([width, height]) => `${width}x${height}`), ...auto];
  const { min_width, max_width, min_height, max_height, multiple_of, max_ratio, min_pixels, max_pixels } = spec;
  return [
    `width ${min_width} to ${max_width}`,
    `height ${min_height} to ${max_height}`,
    ...(multiple_of === undefined || multiple_of === 1 ? [] : [`multiples of ${multiple_of}`]),
    ...(max_ratio === undefined ? [] : [`sides up to ${max_ratio}:1`]),
    ...(min_pixels === undefined ? [] : [`at least ${min_pixels} pixels`]),
    ...(max_pixels === undefined ? [] : [`at most ${max_pixels} pixels`]),
    ...auto,
  ];
}

/** `aspect_ratio` as the caller wrote it. */
export function shapeOfRatio(specs: ShapeSpecs, value: unknown, context: ShapeContext): ShapeOutcome {
  const { modelId, ratio: spec, size } = specs;
  if (typeof value !== 'string') return reject(wrongType('aspect_ratio', 'text such as 16:9', value));
  const ratio = parseRatio(value);
  if (spec !== undefined) {
    if (spec.allowed.includes(value)) return { action: 'apply', value };
    const near = context.strict || ratio === undefined ? undefined : nearestRatio(spec.allowed, ratio);
    if (near === undefined) return reject(mismatch('aspect_ratio', value, spec.allowed));
    return { action: 'map', params: { aspect_ratio: near }, to: near, reason: `the nearest ratio that ${modelId} makes` };
  }
  if (context.strict) return unsupported(specs, 'aspect_ratio');
  if (size === undefined) return { action: 'drop', reason: `${modelId} has neither aspect_ratio nor size` };
  if (context.asks('size')) return { action: 'drop', reason: 'size is given and decides' };
  if (ratio === undefined) return { action: 'drop', reason: `${modelId} has no aspect_ratio, and the value is not a ratio` };
  return ratioToSize(specs, size, 'aspect_ratio', value, ratio);
}

/** `size` as the caller wrote it. */
export function shapeOfSize(specs: ShapeSpecs, value: unknown, context: ShapeContext): ShapeOutcome {
  const { size: spec } = specs;
  if (typeof value !== 'string') return reject(wrongType('size', 'text such as 1024x1024', value));
  if (spec === undefined && context.strict) return unsupported(specs, 'size');
  if (value === 'auto') return automatic(spec, context);
  const size = parseSize(value);
  if (size === undefined) return misspelt(specs, value, context);
  if (spec === undefined) return sizeToRatio(specs, size.width / size.height, context, size);
  const problem = sizeProblem(spec, size);
  if (problem === undefined) return { action: 'apply', value: size };
  const wanted = { ratio: size.width / size.height, area: size.width * size.height };
  const mapped = context.strict ? undefined : toNearestSize(specs, spec, 'size', wanted);
  if (mapped !== undefined) return mapped;
  const accepted = acceptedSizes(spec);
  if (spec.mode === 'enum') return reject(mismatch('size', value, accepted));
  const message = `size is ${value}, but ${problem}. ${specs.modelId} takes: ${accepted.join(', ')}.`;
  return { action: 'reject', code: 'param_out_of_range', message, accepted };
}

function sizeProblem(spec: SizeSpec, size: Size): string | undefined {
  if (spec.mode === 'freeform') return freeformProblem(spec, size);
  return spec.values.some(([width, height]) => width === size.width && height === size.height) ? undefined : 'it is not in the list';
}

function automatic(spec: SizeSpec | undefined, { strict, hasAutomaticSize }: ShapeContext): ShapeOutcome {
  // Where there is no word for it, leaving the size out says the same.
  if (spec?.allow_auto === true) return hasAutomaticSize ? { action: 'apply', value: 'auto' } : { action: 'leave' };
  if (strict && spec !== undefined) return reject(mismatch('size', 'auto', acceptedSizes(spec)));
  return { action: 'drop', reason: 'the model chooses anyway when no size is sent' };
}

/** Not WIDTHxHEIGHT. Lax mode takes a ratio in its place. */
function misspelt(specs: ShapeSpecs, value: string, context: ShapeContext): ShapeOutcome {
  const { modelId, size, ratio: ratioSpec } = specs;
  const ratio = parseRatio(value);
  if (!context.strict && ratio !== undefined) {
    const asRatio = size === undefined || (ratioSpec !== undefined && !context.asks('aspect_ratio'));
    return asRatio ? sizeToRatio(specs, ratio, context) : ratioToSize(specs, size, 'size', value, ratio);
  }
  const accepted = size === undefined ? undefined : acceptedSizes(size);
  const list = accepted === undefined ? '' : ` ${modelId} takes: ${accepted.join(', ')}.`;
  const message = `size must be WIDTHxHEIGHT, such as 1024x1024; it is ${show(value)}.${list}`;
  return { action: 'reject', code: 'param_enum_mismatch', message, accepted };
}

function ratioToSize(specs: ShapeSpecs, spec: SizeSpec, param: string, value: string, ratio: number): ShapeOutcome {
  const mapped = toNearestSize(specs, spec, param, { ratio, area: usualArea(spec) });
  return mapped ?? reject(mismatch(param, value, acceptedSizes(spec)));
}

function toNearestSize({ modelId }: ShapeSpecs, spec: SizeSpec, param: string, wanted: WantedShape): ShapeOutcome | undefined {
  const size = nearestSize(spec, wanted);
  if (size === undefined) return undefined;
  const to = param === 'size' ? formatSize(size) : `size=${formatSize(size)}`;
  return { action: 'map', params: { size }, to, reason: `the nearest size that ${modelId} makes` };
}

/** @param size taken along as a resolution such as `720p` when the model has exactly that and none was asked for */
function sizeToRatio(specs: ShapeSpecs, wanted: number, context: ShapeContext, size?: Size): ShapeOutcome {
  const { modelId, ratio, resolutions } = specs;
  const lacking = `${modelId} does not take size`;
  if (ratio === undefined) return { action: 'drop', reason: lacking };
  if (context.asks('aspect_ratio')) return { action: 'drop', reason: `${lacking}, and aspect_ratio is given and decides` };
  const near = nearestRatio(ratio.allowed, wanted);
  if (near === undefined) return { action: 'drop', reason: `${lacking}, and none of its ratios is a number` };
  const resolution = size === undefined ? '' : `${Math.min(size.width, size.height)}p`;
  const exact = resolutions?.includes(resolution) === true && !context.asks('resolution');
  return {
    action: 'map',
    params: { aspect_ratio: near, ...(exact ? { resolution } : {}) },
    to: exact ? `aspect_ratio=${near}, resolution=${resolution}` : `aspect_ratio=${near}`,
    reason: `${modelId} takes a ratio instead of a size`,
  };
}

function unsupported({ modelId, size, ratio }: ShapeSpecs, param: 'size' | 'aspect_ratio'): ShapeOutcome {
  const other = param === 'size' ? ratio?.allowed : size && acceptedSizes(size);
  const instead = param === 'size' ? 'aspect_ratio' : 'size';
  const hint = other === undefined ? '' : ` Use ${instead}: ${other.join(', ')}.`;
  return { action: 'reject', code: 'param_unsupported', message: `${modelId} does not take ${param}.${hint}`, accepted: other };
}

function reject({ code, message, accepted }: ReturnType<typeof mismatch>): ShapeOutcome {
  return { action: 'reject', code, message, accepted };
}
