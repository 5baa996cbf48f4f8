import type { Size } from '@litegen/plugin-sdk';

/** Pixels for a ratio such as `16:9`, both sides rounded to a multiple. Undefined when it is no ratio. */
export function sizeForRatio(ratio: string, side: number, measure: 'longest' | 'shortest', multipleOf: number): Size | undefined {
  const [, first, second] = /^(\d{1,4}(?:\.\d+)?):(\d{1,4}(?:\.\d+)?)$/.exec(ratio) ?? [];
  const share = Number(first) / Number(second);
  if (!Number.isFinite(share) || share < 0.1 || share > 10) return undefined;
  const wide = share >= 1;
  const other = (measure === 'longest') === wide ? side / share : side * share;
  const round = (length: number): number => Math.max(multipleOf, Math.round(length / multipleOf) * multipleOf);
  const isWidth = (measure === 'longest') === wide;
  return isWidth ? { width: round(side), height: round(other) } : { width: round(other), height: round(side) };
}
