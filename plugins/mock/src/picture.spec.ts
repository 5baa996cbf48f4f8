import { testInput } from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { Canvas } from './canvas.js';
import { namedColours, paletteOf } from './colours.js';
import { drawPicture, type PictureSpec } from './picture.js';
import { encodePng } from './png.js';
import { digestOf } from './random.js';
import { averageColour, lookAt } from './references.js';
import { layOut, printable, wrap } from './text.js';

function specOf(text: string, more: Partial<PictureSpec> = {}): PictureSpec {
  return {
    width: 256,
    height: 192,
    text,
    caption: 'a test',
    palette: paletteOf(text),
    look: 'gradient',
    transparent: false,
    detail: 6,
    digest: digestOf(text),
    references: [],
    ...more,
  };
}

function pixel(canvas: Canvas, x: number, y: number): number[] {
  const at = (y * canvas.width + x) * canvas.channels;
  return [...canvas.pixels.subarray(at, at + canvas.channels)];
}

describe('drawPicture', () => {
  it('draws the same pixels for the same spec', () => {
    expect(drawPicture(specOf('a boat')).pixels).toEqual(drawPicture(specOf('a boat')).pixels);
  });

  it('shows the words: other letters, other pixels', () => {
    const spec = specOf('a boat');
    expect(drawPicture({ ...spec, text: 'a goat' }).pixels).not.toEqual(drawPicture(spec).pixels);
  });

  it('begins with the first colour that the prompt names and ends with the second', () => {
    const canvas = drawPicture(specOf('a red boat on a teal sea', { detail: 0 }));
    expect(pixel(canvas, 0, 0)).toEqual([255, 0, 0]);
    const [red = 255, green = 0, blue = 0] = pixel(canvas, 255, 170);
    expect(red).toBeLessThan(40);
    expect(green).toBeGreaterThan(100);
    expect(blue).toBeGreaterThan(100);
  });

  it('leaves the background of a transparent picture clear', () => {
    expect(pixel(drawPicture(specOf('a boat', { transparent: true })), 0, 0)).toEqual([0, 0, 0, 0]);
  });

  it('shows every reference, and the content of those that it can read', async () => {
    const green = new Canvas(32, 16);
    green.fillRectangle(0, 0, 32, 16, [0, 200, 0]);
    const first = testInput({ role: 'init', bytes: await encodePng(green) });
    const other = testInput({ role: 'mask', bytes: Buffer.from([0xff, 0xd8, 0xff, 0xe0]), contentType: 'image/jpeg' });
    const references = await lookAt([first, other]);
    expect(references.map(({ role, mosaic }) => [role, mosaic !== undefined])).toEqual([
      ['init', true],
      ['mask', false],
    ]);
    expect(averageColour(references[0] ?? expect.fail())).toEqual([0, 200, 0]);
    const bare = specOf('an edit');
    const canvas = drawPicture({ ...bare, references });
    expect(pixel(canvas, 30, 24)).toEqual([0, 200, 0]);
    const withoutMask = drawPicture({ ...bare, references: references.slice(0, 1) });
    expect(canvas.pixels).not.toEqual(withoutMask.pixels);
  });

  it('pixelates to squares of one colour', () => {
    const canvas = drawPicture(specOf('a boat')).pixelated(16);
    expect(pixel(canvas, 0, 0)).toEqual(pixel(canvas, 15, 15));
    expect(pixel(canvas, 0, 0)).not.toEqual(pixel(canvas, 240, 100));
  });
});

describe('namedColours', () => {
  it('finds names, shades and hex values in their order', () => {
    expect(namedColours('A Teal car, #ff8000 wheels and a dark red roof')).toEqual([
      [0, 128, 128],
      [255, 128, 0],
      [140, 0, 0],
    ]);
  });

  it('does not take parts of words, or names of object members, for colours', () => {
    expect(namedColours('tired of predictable constructor toString boredom')).toEqual([]);
  });

  it('derives different colours for different prompts without any', () => {
    expect(paletteOf('a boat').from).not.toEqual(paletteOf('a house').from);
  });
});

describe('text', () => {
  it('wraps at spaces and inside long words', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefgh ij', 3)).toEqual(['abc', 'def', 'gh', 'ij']);
  });

  it('takes the largest lettering that fits, and cuts off at the smallest', () => {
    expect(layOut('hi', 200, 100, 4)).toMatchObject({ lines: ['hi'], scale: 4 });
    const small = layOut('word '.repeat(200).trim(), 60, 20, 4);
    expect(small.scale).toBe(1);
    expect(small.lines).toHaveLength(2);
    expect(small.lines[1]).toMatch(/\.\.\.$/);
  });

  it('turns accents and line breaks into what the font has', () => {
    expect(printable('  Crème\n brûlée ')).toBe('Creme brulee');
  });
});
