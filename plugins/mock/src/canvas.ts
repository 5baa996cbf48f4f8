import type { Rgb } from './colours.js';
import type { TextLayout } from './text.js';
import { inkRuns } from './text.js';

/** A raster of 8-bit pixels, rows from the top without padding. */
export class Canvas {
  readonly pixels: Uint8Array;

  /** `channels` is 3 for opaque pictures, 4 for such with an alpha channel, which start fully transparent. */
  constructor(
    readonly width: number,
    readonly height: number,
    readonly channels: 3 | 4 = 3,
  ) {
    this.pixels = new Uint8Array(width * height * channels);
  }

  /** Fills the picture with a gradient from the top left corner to the bottom right one. */
  fillDiagonal(from: Rgb, to: Rgb): void {
    const { width, height, channels } = this;
    // Every row is a window into one ramp, so that a row is one memory copy and compresses as a shifted repeat of the one above.
    const length = width + height - 1;
    const ramp = new Uint8Array(length * channels);
    const span = Math.max(1, length - 1);
    for (let index = 0; index < length; index++) {
      const share = index / span;
      const offset = index * channels;
      ramp[offset] = from[0] + (to[0] - from[0]) * share + 0.5;
      ramp[offset + 1] = from[1] + (to[1] - from[1]) * share + 0.5;
      ramp[offset + 2] = from[2] + (to[2] - from[2]) * share + 0.5;
      if (channels === 4) ramp[offset + 3] = 255;
    }
    const stride = width * channels;
    for (let y = 0; y < height; y++) {
      this.pixels.set(ramp.subarray(y * channels, y * channels + stride), y * stride);
    }
  }

  /** Fills a rectangle; the part outside the picture is left away. `opacity` is 0 to 1. */
  fillRectangle(left: number, top: number, width: number, height: number, colour: Rgb, opacity = 1): void {
    const right = Math.min(this.width, Math.round(left + width));
    const bottom = Math.min(this.height, Math.round(top + height));
    const start = Math.max(0, Math.round(left));
    for (let y = Math.max(0, Math.round(top)); y < bottom; y++) this.#fillRow(start, right, y, colour, opacity);
  }

  /** Fills a disc, or a ring when `innerRadius` is above 0. */
  fillDisc(centreX: number, centreY: number, radius: number, colour: Rgb, opacity = 1, innerRadius = 0): void {
    const bottom = Math.min(this.height - 1, Math.floor(centreY + radius));
    for (let y = Math.max(0, Math.ceil(centreY - radius)); y <= bottom; y++) {
      const distance = (y - centreY) ** 2;
      const outer = Math.sqrt(radius * radius - distance);
      const hole = innerRadius * innerRadius - distance;
      const left = Math.max(0, Math.ceil(centreX - outer));
      const right = Math.min(this.width, Math.floor(centreX + outer) + 1);
      if (hole <= 0) {
        this.#fillRow(left, right, y, colour, opacity);
      } else {
        const inner = Math.sqrt(hole);
        this.#fillRow(left, Math.min(right, Math.ceil(centreX - inner)), y, colour, opacity);
        this.#fillRow(Math.max(left, Math.floor(centreX + inner) + 1), right, y, colour, opacity);
      }
    }
  }

  /** Draws laid-out text with its top left corner at (left, top). */
  drawText(layout: TextLayout, left: number, top: number, colour: Rgb): void {
    inkRuns(layout, left, top, (x, y, width, height) => this.fillRectangle(x, y, width, height, colour));
  }

  /** A copy of which every square of `side` pixels has the colour of its centre. */
  pixelated(side: number): Canvas {
    const { width, height, channels } = this;
    const copy = new Canvas(width, height, channels);
    const stride = width * channels;
    for (let top = 0; top < height; top += side) {
      const source = Math.min(height - 1, top + (side >> 1)) * stride;
      const target = top * stride;
      for (let x = 0; x < width; x++) {
        const centre = Math.min(width - 1, x - (x % side) + (side >> 1));
        for (let channel = 0; channel < channels; channel++) {
          copy.pixels[target + x * channels + channel] = this.pixels[source + centre * channels + channel] ?? 0;
        }
      }
      for (let y = top + 1; y < Math.min(height, top + side); y++) copy.pixels.copyWithin(y * stride, target, target + stride);
    }
    return copy;
  }

  #fillRow(left: number, right: number, y: number, colour: Rgb, opacity: number): void {
    const { channels, pixels } = this;
    const [red, green, blue] = colour;
    const end = (y * this.width + right) * channels;
    const keep = 1 - opacity;
    for (let offset = (y * this.width + left) * channels; offset < end; offset += channels) {
      if (opacity === 1) {
        pixels[offset] = red;
        pixels[offset + 1] = green;
        pixels[offset + 2] = blue;
      } else {
        pixels[offset] = (pixels[offset] ?? 0) * keep + red * opacity;
        pixels[offset + 1] = (pixels[offset + 1] ?? 0) * keep + green * opacity;
        pixels[offset + 2] = (pixels[offset + 2] ?? 0) * keep + blue * opacity;
      }
      if (channels === 4) pixels[offset + 3] = Math.max(pixels[offset + 3] ?? 0, opacity * 255);
    }
  }
}
