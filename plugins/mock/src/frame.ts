import type { Rgb } from './colours.js';

/** Luma, blue and red difference; BT.709, limited range. */
export type Yuv = readonly [number, number, number];

/** Width and height of a macroblock in luma samples. */
export const BLOCK = 16;

/** BT.709 with luma 16 to 235 and chroma 16 to 240. */
export function toYuv([red, green, blue]: Rgb): Yuv {
  const luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  const scale = 224 / 255;
  return [
    Math.round(16 + (luma * 219) / 255),
    Math.round(128 + ((blue - luma) / 1.8556) * scale),
    Math.round(128 + ((red - luma) / 1.5748) * scale),
  ];
}

/** A 4:2:0 picture of whole macroblocks that remembers which of them were drawn on. */
export class Frame {
  readonly columns: number;
  readonly rows: number;
  readonly stride: number;
  readonly luma: Uint8Array;
  readonly blue: Uint8Array;
  readonly red: Uint8Array;
  /** One flag per macroblock, row by row. */
  readonly touched: Uint8Array;

  /** `width` and `height` are even and may end inside a macroblock; the rest is cropped away on display. */
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.columns = Math.ceil(width / BLOCK);
    this.rows = Math.ceil(height / BLOCK);
    this.stride = this.columns * BLOCK;
    const samples = this.stride * this.rows * BLOCK;
    this.luma = new Uint8Array(samples).fill(16);
    this.blue = new Uint8Array(samples / 4).fill(128);
    this.red = new Uint8Array(samples / 4).fill(128);
    this.touched = new Uint8Array(this.columns * this.rows).fill(1);
  }

  /** Fills a rectangle. Chroma follows at half the resolution, so coloured rectangles begin and end at even places. */
  fill(left: number, top: number, width: number, height: number, [luma, blue, red]: Yuv): void {
    const right = Math.min(this.stride, left + width);
    const bottom = Math.min(this.rows * BLOCK, top + height);
    if (right <= left || bottom <= top) return;
    for (let y = top; y < bottom; y++) this.luma.fill(luma, y * this.stride + left, y * this.stride + right);
    for (let y = top >> 1; y < (bottom + 1) >> 1; y++) {
      const row = (y * this.stride) >> 1;
      this.blue.fill(blue, row + (left >> 1), row + ((right + 1) >> 1));
      this.red.fill(red, row + (left >> 1), row + ((right + 1) >> 1));
    }
    for (let row = Math.floor(top / BLOCK); row * BLOCK < bottom; row++) {
      this.touched.fill(1, row * this.columns + Math.floor(left / BLOCK), row * this.columns + Math.ceil(right / BLOCK));
    }
  }
}
