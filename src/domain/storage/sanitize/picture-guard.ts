import { setImmediate as otherWork } from 'node:timers/promises';
import { ApiError } from '../../../platform/common/index.js';
import { invalidReference } from './errors.js';

/** More frames than any reference needs; each costs its reader a whole picture. */
const MAX_FRAMES = 1000;
/** Segments, chunks, blocks or boxes of one file. The finest PNGs have some thousand; each costs work, however small it is. */
export const MOST_SEGMENTS = 16_384;
/** After so many the rest of the process has its turn. */
const SEGMENTS_PER_TURN = 256;
/** All frames of an animation together, in times of the cap for one picture. */
const MAX_PICTURES_OF_PIXELS = 10;

/** Holds what a file's headers announce against the caps, before anybody decodes it. */
export class PictureGuard {
  private largest = 0;
  private frames = 0;
  private segments = 0;

  constructor(private readonly maxPixels: number) {}

  /** Each size that a header names, in pixels. A file that names several is judged by every one. @throws ApiError */
  size(width: number, height: number): void {
    if (width < 1 || height < 1) throw invalidReference('The picture has no size.');
    if (width * height > this.maxPixels) {
      throw new ApiError('reference_too_large', `The image has ${width} × ${height} pixels; at most ${this.maxPixels} are accepted.`);
    }
    this.largest = Math.max(this.largest, width * height);
  }

  /** Each part of the file that is looked at. To be waited for where it answers a promise. @throws ApiError */
  segment(): Promise<unknown> | undefined {
    this.segments += 1;
    if (this.segments > MOST_SEGMENTS) throw invalidReference(`The file has more than ${MOST_SEGMENTS} parts.`);
    return this.segments % SEGMENTS_PER_TURN === 0 ? otherWork() : undefined;
  }

  /** Each frame of an animation. @throws ApiError */
  frame(): void {
    this.frames += 1;
    if (this.frames > MAX_FRAMES || this.frames * this.largest > this.maxPixels * MAX_PICTURES_OF_PIXELS) {
      throw new ApiError('reference_too_large', 'The animation has too many frames.');
    }
  }

  /** At the point from which on a size must be known. @throws ApiError */
  requireSize(): void {
    if (this.largest === 0) throw invalidReference('The picture has no size.');
  }
}
