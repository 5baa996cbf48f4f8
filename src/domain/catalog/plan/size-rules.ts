import type { Size } from '@litegen/plugin-sdk';
import type { FreeformSizeSpec } from '../schema/index.js';

/** How a size breaks a freeform model's bounds, or undefined when it keeps them. */
export function freeformProblem(spec: FreeformSizeSpec, { width, height }: Size): string | undefined {
  const { min_width, max_width, min_height, max_height, multiple_of = 1, max_ratio, min_pixels, max_pixels } = spec;
  if (width < min_width || width > max_width) return `the width must be ${min_width} to ${max_width}`;
  if (height < min_height || height > max_height) return `the height must be ${min_height} to ${max_height}`;
  if (width % multiple_of !== 0 || height % multiple_of !== 0) return `width and height must be multiples of ${multiple_of}`;
  if (max_ratio !== undefined && Math.max(width, height) > max_ratio * Math.min(width, height)) {
    return `the longer side may be at most ${max_ratio} times the shorter one`;
  }
  if (min_pixels !== undefined && width * height < min_pixels) return `width times height must be at least ${min_pixels}`;
  if (max_pixels !== undefined && width * height > max_pixels) return `width times height must be at most ${max_pixels}`;
  return undefined;
}
