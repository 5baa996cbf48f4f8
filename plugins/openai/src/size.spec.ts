import { describe, expect, it } from 'vitest';
import { sizeForAspectRatio } from './size.js';

describe('sizeForAspectRatio', () => {
  it.each([
    ['1:1', 1024, 1024],
    ['16:9', 1280, 720],
    ['9:16', 720, 1280],
    ['3:2', 1248, 832],
    ['21:9', 1568, 672],
    ['3:1', 1776, 592],
    ['1:3', 592, 1776],
  ])('makes %s exactly, near one megapixel', (ratio, width, height) => {
    expect(sizeForAspectRatio(ratio)).toEqual({ width, height });
  });

  it('keeps the rules of the vendor for every ratio it takes', () => {
    for (let across = 1; across <= 60; across += 1) {
      for (let down = Math.ceil(across / 3); down <= across * 3 && down <= 60; down += 1) {
        const { width, height } = sizeForAspectRatio(`${across}:${down}`);
        expect([width % 16, height % 16]).toEqual([0, 0]);
        expect(Math.max(width, height)).toBeLessThanOrEqual(3 * Math.min(width, height));
        expect(width * height).toBeGreaterThanOrEqual(655_360);
        expect(width * height).toBeLessThanOrEqual(1.5 * 1024 * 1024);
        expect(Math.abs(width / height / (across / down) - 1)).toBeLessThan(0.03);
      }
    }
  });

  it('makes a broken ratio as nearly as the steps allow', () => {
    expect(sizeForAspectRatio('2.39:1')).toEqual({ width: 1584, height: 656 });
  });

  it.each(['4:1', '1:4', '0:1', '1:0', 'wide', '16x9'])('refuses %s', (ratio) => {
    expect(() => sizeForAspectRatio(ratio)).toThrow(expect.objectContaining({ code: 'invalid_request', param: 'aspect_ratio' }));
  });
});
