import { ProviderError, type Size } from '@litegen/plugin-sdk';

/** What GPT Image makes by default. Pixels. */
const TARGET_PIXELS = 1024 * 1024;
const EDGE_STEP = 16;
const MAX_RATIO = 3;

/**
 * The size near one megapixel for an aspect ratio: both edges divisible by 16, no ratio beyond 3:1 (the rules of GPT Image 2
 * and later). The ratio is met exactly when that needs no more than half a megapixel's difference, else as nearly as the
 * steps allow.
 * @throws ProviderError `invalid_request` for a ratio that cannot be read or made.
 */
export function sizeForAspectRatio(aspectRatio: string): Size {
  const match = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(aspectRatio);
  const across = Number(match?.[1]);
  const down = Number(match?.[2]);
  const ratio = across / down;
  if (!(ratio >= 1 / MAX_RATIO && ratio <= MAX_RATIO)) {
    throw new ProviderError('invalid_request', `OpenAI makes ratios from 1:3 to 3:1, not ${aspectRatio}`, { param: 'aspect_ratio' });
  }
  return exactSize(across, down) ?? nearestSize(ratio);
}

function exactSize(across: number, down: number): Size | undefined {
  if (!Number.isInteger(across) || !Number.isInteger(down)) return undefined;
  const divisor = greatestCommonDivisor(across, down);
  const unit: Size = { width: (across / divisor) * EDGE_STEP, height: (down / divisor) * EDGE_STEP };
  const scale = Math.max(1, Math.round(Math.sqrt(TARGET_PIXELS / (unit.width * unit.height))));
  const size: Size = { width: unit.width * scale, height: unit.height * scale };
  return Math.abs(size.width * size.height - TARGET_PIXELS) <= TARGET_PIXELS / 2 ? withinLimits(size) : undefined;
}

function nearestSize(ratio: number): Size {
  const height = Math.sqrt(TARGET_PIXELS / ratio);
  const size = { width: toStep(height * ratio), height: toStep(height) };
  // Rounding can push an extreme ratio just over the limit; one step on the short edge brings it back.
  if (size.width / size.height > MAX_RATIO) size.height += EDGE_STEP;
  if (size.height / size.width > MAX_RATIO) size.width += EDGE_STEP;
  return size;
}

/** The smallest picture that the vendor makes has 655,360 pixels. */
function withinLimits(size: Size): Size | undefined {
  return size.width * size.height >= 655_360 ? size : undefined;
}

function toStep(length: number): number {
  return Math.max(EDGE_STEP, Math.round(length / EDGE_STEP) * EDGE_STEP);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
