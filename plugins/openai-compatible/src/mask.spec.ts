import { inflateSync } from 'node:zlib';
import { makePng, TINY_JPEG, testInput } from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { whiteMask } from './mask.js';

/**
 * 8×5 pixels of RGBA, opaque on the left and transparent on the right, each row with another of PNG's five filters;
 * written by zlib of another language and checked with a third decoder.
 */
const FILTERED = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAFCAYAAAB4ka1VAAAAa0lEQVR4nG3Muw3CQBCE4f8eC9JdZMkxAS3QAi2QODa0YEeWm6IBou0K5tCREXzSaHa0gL8HOcsFn674' +
    'esN5yCLB2iBAd5eTbL8uGmAKFiVRLItKO8gRUmHeq441fb1qZpRn1ajJfz9k5e4DPyASy3uFcpIAAAAASUVORK5CYII=',
  'base64',
);

/** The grey values of an unfiltered PNG, row by row. */
function greyOf(file: Uint8Array): number[][] {
  const png = Buffer.from(file);
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  expect([...png.subarray(24, 29)]).toEqual([8, 0, 0, 0, 0]);
  const length = png.readUInt32BE(33);
  const rows = inflateSync(png.subarray(41, 41 + length));
  return Array.from({ length: height }, (_, row) => [...rows.subarray(row * (width + 1) + 1, (row + 1) * (width + 1))]);
}

describe('whiteMask', () => {
  it.each([
    [0, 255],
    [255, 0],
    [100, 155],
  ])('turns alpha %i into grey %i', async (alpha, grey) => {
    const mask = testInput({ role: 'mask', bytes: makePng({ width: 3, height: 2, colour: [9, 9, 9, alpha] }) });
    expect(greyOf(await whiteMask(mask))).toEqual([
      [grey, grey, grey],
      [grey, grey, grey],
    ]);
  });

  it('undoes every filter', async () => {
    const rows = [0, 1, 2, 3, 4].map((row) => [0, 0, 0, 165 - 10 * row, 135 - 10 * row, 255, 255, 255]);
    expect(greyOf(await whiteMask(testInput({ role: 'mask', bytes: FILTERED })))).toEqual(rows);
  });

  it('reads grey with alpha of 16 bits', async () => {
    const bytes = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACEAQAAACILxnsAAAAG0lEQVR4nGMUMvn/3/AtIyPTu7ONDHvuOTAAAEVUB35o0y6IAAAAAElFTkSuQmCC',
      'base64',
    );
    expect(greyOf(await whiteMask(testInput({ role: 'mask', bytes })))).toEqual([
      [0, 255],
      [127, 191],
    ]);
  });

  it('refuses what it cannot convert', async () => {
    const png = makePng({ width: 2, height: 2 });
    const interlaced = Buffer.from(png);
    interlaced[28] = 1;
    const huge = Buffer.from(png);
    huge.writeUInt32BE(100_000, 16);
    for (const bytes of [TINY_JPEG, interlaced, huge, png.subarray(0, 40), Buffer.concat([png.subarray(0, 45), Buffer.alloc(9)])]) {
      const mask = testInput({ role: 'mask', bytes });
      await expect(whiteMask(mask)).rejects.toMatchObject({ code: 'unsupported', param: 'mask' });
    }
    // Grey without alpha.
    await expect(whiteMask(testInput({ role: 'mask' }))).rejects.toMatchObject({ code: 'unsupported', param: 'mask' });
  });
});
