import { describe, expect, it } from 'vitest';
import { type ClipSpec, renderClip } from './clip.js';
import { paletteOf } from './colours.js';

interface Box {
  type: string;
  start: number;
  body: Buffer;
}

function boxesOf(bytes: Buffer, from = 0): Box[] {
  const boxes: Box[] = [];
  for (let offset = from; offset < bytes.length; ) {
    const size = bytes.readUInt32BE(offset);
    expect(size).toBeGreaterThanOrEqual(8);
    boxes.push({ type: bytes.toString('latin1', offset + 4, offset + 8), start: offset, body: bytes.subarray(offset + 8, offset + size) });
    offset += size;
  }
  return boxes;
}

/** The body of the box at a path of types. */
function find(bytes: Buffer, ...path: string[]): Buffer {
  return path.reduce((body, type) => boxesOf(body).find((box) => box.type === type)?.body ?? expect.fail(`no ${type}`), bytes);
}

function specOf(more: Partial<ClipSpec> = {}): ClipSpec {
  return {
    width: 320,
    height: 180,
    durationMs: 2300,
    framesPerSecond: 8,
    text: 'a teal boat',
    caption: 'a test',
    palette: paletteOf('a teal boat'),
    firstFrame: null,
    lastFrame: null,
    ...more,
  };
}

const TABLE = ['moov', 'trak', 'mdia', 'minf', 'stbl'] as const;

describe('renderClip', () => {
  it('writes an MP4 whose index comes first and names the size and duration', async () => {
    const file = Buffer.from(await renderClip(specOf(), 1));
    const top = boxesOf(file);
    expect(top.map(({ type }) => type)).toEqual(['ftyp', 'moov', 'mdat']);
    const movieHeader = find(file, 'moov', 'mvhd');
    expect([movieHeader.readUInt32BE(12), movieHeader.readUInt32BE(16)]).toEqual([1000, 2300]);
    const trackHeader = find(file, 'moov', 'trak', 'tkhd');
    expect([trackHeader.readUInt32BE(76) / 65_536, trackHeader.readUInt32BE(80) / 65_536]).toEqual([320, 180]);
    const [entry] = boxesOf(find(file, ...TABLE, 'stsd').subarray(8));
    expect(entry?.type).toBe('avc1');
    expect(boxesOf(entry?.body ?? expect.fail(), 78)[0]?.type).toBe('avcC');
  });

  it('lists samples that fill the media exactly and last as long as the clip', async () => {
    const file = Buffer.from(await renderClip(specOf(), 1));
    const sizes = find(file, ...TABLE, 'stsz');
    const count = sizes.readUInt32BE(8);
    expect(count).toBe(19);
    const media = boxesOf(file).find(({ type }) => type === 'mdat') ?? expect.fail();
    const first = find(file, ...TABLE, 'stco').readUInt32BE(8);
    expect(first).toBe(media.start + 8);
    let offset = first;
    for (let index = 0; index < count; index++) {
      const size = sizes.readUInt32BE(12 + index * 4);
      expect(file.readUInt32BE(offset)).toBe(size - 4);
      expect((file[offset + 4] ?? 0) & 31).toBe(index === 0 ? 5 : 1);
      offset += size;
    }
    expect(offset).toBe(media.start + 8 + media.body.length);
    const times = find(file, ...TABLE, 'stts');
    const entries = Array.from({ length: times.readUInt32BE(4) }, (_, index) => [
      times.readUInt32BE(8 + index * 8),
      times.readUInt32BE(12 + index * 8),
    ]);
    expect(entries).toEqual([
      [18, 125],
      [1, 50],
    ]);
  });

  it('is deterministic, and other with another text, seed or frame', async () => {
    const file = await renderClip(specOf(), 1);
    expect(await renderClip(specOf(), 1)).toEqual(file);
    expect(await renderClip(specOf({ text: 'a teal goat' }), 1)).not.toEqual(file);
    expect(await renderClip(specOf(), 2)).not.toEqual(file);
    const reference = { role: 'first_frame', fingerprint: 'ff000000', width: 1, height: 1 };
    expect(await renderClip(specOf({ firstFrame: reference }), 1)).not.toEqual(file);
    expect(await renderClip(specOf({ lastFrame: reference }), 1)).not.toEqual(file);
  });

  it('stays small: ten seconds in some hundred kilobytes', async () => {
    const file = await renderClip(specOf({ durationMs: 10_000 }), 1);
    expect(file.length).toBeGreaterThan(30_000);
    expect(file.length).toBeLessThan(400_000);
  });

  it('renders the least clip and odd shapes', async () => {
    for (const more of [{ durationMs: 1 }, { width: 64, height: 64 }, { width: 1280, height: 128, durationMs: 500 }, { text: '' }]) {
      expect(boxesOf(Buffer.from(await renderClip(specOf(more), 1)))).toHaveLength(3);
    }
  });
});
