import type { Size } from '@litegen/plugin-sdk';

/** Width divided by height of `16:9`, or undefined for a vendor's word such as `adaptive`. */
export function parseRatio(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(text);
  const ratio = match === null ? Number.NaN : Number(match[1]) / Number(match[2]);
  return Number.isFinite(ratio) && ratio > 0 ? ratio : undefined;
}

/** `1024x1024`, also with LiteGen's capital X. */
export function parseSize(text: string): Size | undefined {
  const match = /^([1-9]\d{0,5})[xX]([1-9]\d{0,5})$/.exec(text);
  return match === null ? undefined : { width: Number(match[1]), height: Number(match[2]) };
}

export function formatSize({ width, height }: Size): string {
  return `${width}x${height}`;
}
