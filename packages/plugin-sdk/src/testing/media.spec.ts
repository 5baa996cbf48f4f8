import { fileTypeFromBuffer } from 'file-type';
import { imageSize } from 'image-size';
import { describe, expect, it } from 'vitest';
import { PNG_1X1, pngOf, sniffContentType, testInput } from './index.js';

describe('media for tests', () => {
  it.each([
    [1, 1],
    [640, 352],
  ])('draws a PNG of %i × %i', async (width, height) => {
    const png = pngOf(width, height);
    expect(imageSize(png)).toMatchObject({ width, height, type: 'png' });
    expect((await fileTypeFromBuffer(png))?.mime).toBe('image/png');
    expect(sniffContentType(png)).toBe('image/png');
  });

  it.each([
    ['ffd8ffe0', 'image/jpeg'],
    ['524946460000000057454250', 'image/webp'],
    ['474946383961', 'image/gif'],
    ['000000206674797061766966', 'image/avif'],
    ['000000206674797069736f6d', 'video/mp4'],
    ['1a45dfa3', 'video/webm'],
    ['3c68746d6c3e', 'application/octet-stream'],
    ['', 'application/octet-stream'],
  ])('knows %s as %s', (hex, contentType) => {
    expect(sniffContentType(Buffer.from(hex, 'hex'))).toBe(contentType);
  });

  it('makes inputs as the gateway hands them over', async () => {
    const input = testInput({ role: 'mask', bytes: PNG_1X1, publicUrl: 'https://gateway.example/1' });
    expect(input).toMatchObject({ role: 'mask', contentType: 'image/png', bytes: PNG_1X1.length });
    expect(input.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(input.publicUrl()).toBe('https://gateway.example/1');
    expect(await input.read()).toEqual(PNG_1X1);
    expect(testInput({ width: 5, height: 7 })).toMatchObject({ role: 'init', width: 5, height: 7 });
    expect(testInput().publicUrl()).toBeUndefined();
  });
});
