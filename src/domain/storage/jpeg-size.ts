import { isLying, readOrientation } from './exif.js';

const START_OF_SCAN = 0xda;
const APP1 = 0xe1;
const EXIF = 'Exif\0\0';

/** Whether a marker begins a frame, which names the picture's size. */
export function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

export function isRestart(marker: number): boolean {
  return marker >= 0xd0 && marker <= 0xd7;
}

/** Width and height as displayed, by the first bytes of a JPEG. A loop over the segments, of which there may be any number. */
export function jpegSizeOf(data: Buffer): { width: number; height: number } | undefined {
  let orientation: number | undefined;
  for (let at = 2; at + 4 <= data.length; ) {
    if (data[at] !== 0xff) return undefined;
    const marker = data[at + 1] as number;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (isRestart(marker) || marker === 0x01) {
      at += 2;
      continue;
    }
    const length = data.readUInt16BE(at + 2);
    if (length < 2 || marker === START_OF_SCAN) return undefined;
    const payload = data.subarray(at + 4, at + 2 + length);
    if (isFrame(marker)) return payload.length < 5 ? undefined : turned(payload.readUInt16BE(3), payload.readUInt16BE(1), orientation);
    if (marker === APP1 && orientation === undefined && payload.toString('latin1', 0, EXIF.length) === EXIF) {
      orientation = readOrientation(payload.subarray(EXIF.length));
    }
    at += 2 + length;
  }
  return undefined;
}

function turned(width: number, height: number, orientation = 1): { width: number; height: number } | undefined {
  if (width === 0 || height === 0) return undefined;
  return isLying(orientation) ? { width: height, height: width } : { width, height };
}
