import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BitWriter } from './bits.js';
import { Frame, toYuv } from './frame.js';
import { H264Encoder } from './h264.js';
import { nalUnit, parameterSets } from './parameter-sets.js';
import { numbersFrom } from './random.js';

describe('BitWriter', () => {
  it('writes the Exp-Golomb codes of table 9-2', () => {
    const writer = new BitWriter(1);
    for (const value of [0, 1, 2, 3, 7]) writer.unsigned(value);
    for (const value of [0, 1, -1, 2]) writer.signed(value);
    // Five unsigned codes, four signed ones, and the stop bit.
    const bits = [...writer.finish()].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    expect(bits).toBe(['1', '010', '011', '00100', '0001000', '1', '010', '011', '00100', '1'].join(''));
  });
});

describe('nalUnit', () => {
  it('keeps start codes from appearing', () => {
    expect([...nalUnit(5, Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0, 4))]).toEqual([0x65, 0, 0, 3, 0, 0, 3, 0, 1, 0, 0, 4]);
  });
});

describe('parameterSets', () => {
  it('names constrained baseline and the level that fits the size', () => {
    const { sps, pps } = parameterSets(new Frame(320, 180));
    expect([...sps.subarray(0, 4)]).toEqual([0x67, 66, 0xc0, 20]);
    expect(pps[0]).toBe(0x68);
    expect(parameterSets(new Frame(1280, 720)).sps[3]).toBe(31);
  });
});

describe('toYuv', () => {
  it('is BT.709 in limited range', () => {
    expect(toYuv([0, 0, 0])).toEqual([16, 128, 128]);
    expect(toYuv([255, 255, 255])).toEqual([235, 128, 128]);
    expect(toYuv([255, 0, 0])).toEqual([63, 102, 240]);
  });
});

describe('H264Encoder', () => {
  it('spends almost nothing on a frame that did not change', () => {
    const encoder = new H264Encoder(new Frame(320, 192));
    expect((encoder.encode()[0] ?? 0) & 31).toBe(5);
    const second = encoder.encode();
    expect((second[0] ?? 0) & 31).toBe(1);
    expect(second.length).toBeLessThan(8);
  });

  it('spends bytes on the blocks that changed, few when they are flat', () => {
    const frame = new Frame(320, 192);
    const encoder = new H264Encoder(frame);
    encoder.encode();
    frame.fill(32, 32, 64, 64, [200, 90, 170]);
    const flat = encoder.encode().length;
    frame.fill(33, 33, 1, 1, [16, 90, 170]);
    const detailed = encoder.encode().length;
    expect(flat).toBeLessThan(300);
    expect(detailed).toBeGreaterThan(384);
    expect(detailed).toBeLessThan(420);
  });

  // The bytes were compared once, sample for sample, with what FFmpeg decodes from them; a change of the digest asks for that again.
  it('codes a busy sequence exactly as it was verified', () => {
    const next = numbersFrom('0badcafe');
    const below = (limit: number): number => Math.floor(next() * limit);
    const frame = new Frame(128, 96);
    const encoder = new H264Encoder(frame);
    const hash = createHash('sha256');
    for (let index = 0; index < 24; index++) {
      for (let shape = 0; shape < 12; shape++) {
        const grid = next() < 0.8 ? 16 : 2;
        const level = (): number => (next() < 0.4 ? 125 + below(7) : 16 + below(224));
        const [left, top] = [below(128 / grid) * grid, below(96 / grid) * grid];
        frame.fill(left, top, grid * (1 + below(4)), grid * (1 + below(4)), [level(), level(), level()]);
      }
      hash.update(encoder.encode());
    }
    expect(hash.digest('hex')).toBe('9ede3c7a363cfd7b2378dae0821c5b3614841c2881cc5c927d58e2dc61350c1a');
  });
});
