import type { Size } from '@litegen/plugin-sdk';
import { parseRatio, parseSize } from '../ratio.js';
import type { FreeformSizeSpec, SizeSpec } from '../schema/index.js';
import { freeformProblem } from './size-rules.js';

/** What a caller wants of a picture's shape. */
export interface WantedShape {
  /** Width divided by height. */
  readonly ratio: number;
  /** Pixels. */
  readonly area: number;
}

/** About one megapixel, the area of most models when none is asked for. */
const USUAL_AREA = 1024 * 1024;
/** Ratios within one percent are the same: vendors round to multiples of their own. */
const SAME_RATIO = Math.log(1.01);

/** The area that a model makes when only a ratio is asked for. */
export function usualArea(spec: SizeSpec): number {
  const size = spec.default === undefined ? undefined : parseSize(spec.default);
  return size === undefined ? USUAL_AREA : size.width * size.height;
}

/** The nearest size that a model makes, or undefined when its bounds leave none. */
export function nearestSize(spec: SizeSpec, wanted: WantedShape): Size | undefined {
  if (spec.mode === 'freeform') return nearestFreeform(spec, wanted);
  return nearest(
    spec.values.map(([width, height]) => ({ width, height })),
    wanted,
  );
}

/** Among those of the same ratio the nearest area; else the nearest ratio, and among equally near ones the nearest area. */
function nearest(sizes: readonly Size[], wanted: WantedShape): Size | undefined {
  let best: { size: Size; ratioError: number; areaError: number } | undefined;
  for (const size of sizes) {
    const distance = Math.abs(Math.log(size.width / size.height / wanted.ratio));
    const ratioError = distance <= SAME_RATIO ? 0 : distance;
    const areaError = Math.abs(size.width * size.height - wanted.area);
    const tied = best !== undefined && Math.abs(ratioError - best.ratioError) < 1e-9;
    if (best === undefined || (tied ? areaError < best.areaError : ratioError < best.ratioError)) best = { size, ratioError, areaError };
  }
  return best?.size;
}

/** The nearest of a model's ratios; words such as `adaptive` are never chosen. */
export function nearestRatio(allowed: readonly string[], ratio: number): string | undefined {
  let best: { text: string; error: number } | undefined;
  for (const text of allowed) {
    const value = parseRatio(text);
    if (value === undefined) continue;
    const error = Math.abs(Math.log(value / ratio));
    if (best === undefined || error < best.error - 1e-9) best = { text, error };
  }
  return best?.text;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

/** Scales into the bounds keeping the ratio where they allow it, then takes the nearest point of the model's grid. */
function nearestFreeform(spec: FreeformSizeSpec, wanted: WantedShape): Size | undefined {
  const { min_width, max_width, min_height, max_height, max_ratio = Number.POSITIVE_INFINITY } = spec;
  const { min_pixels = 0, max_pixels = Number.POSITIVE_INFINITY } = spec;
  const flattest = Math.min(max_ratio, max_width / min_height);
  const tallest = Math.max(1 / max_ratio, min_width / max_height);
  const ratio = clamp(wanted.ratio, tallest, flattest);
  const largest = Math.min(max_pixels, (max_width * max_width) / ratio, max_height * max_height * ratio);
  const smallest = Math.max(min_pixels, (min_width * min_width) / ratio, min_height * min_height * ratio);
  const area = clamp(wanted.area, Math.min(smallest, largest), largest);
  const width = Math.sqrt(area * ratio);
  return nearest(gridAround(spec, width, width / ratio), { ratio, area });
}

/** How many grid steps to either side are tried before the bounds are taken to leave no size. */
const REACH = 3;

function gridAround(spec: FreeformSizeSpec, width: number, height: number): Size[] {
  const step = spec.multiple_of ?? 1;
  const sizes: Size[] = [];
  const column = Math.round(width / step);
  const row = Math.round(height / step);
  for (let x = column - REACH; x <= column + REACH; x++) {
    for (let y = row - REACH; y <= row + REACH; y++) {
      const size = { width: x * step, height: y * step };
      if (freeformProblem(spec, size) === undefined) sizes.push(size);
    }
  }
  return sizes;
}
