/** The Exif tag that says how a picture is to be turned before it is shown. */
const ORIENTATION_TAG = 0x0112;
const TYPE_SHORT = 3;
const ENTRY_BYTES = 12;
const UPRIGHT = 1;
/** From here on the orientations lie on their side. */
const FIRST_LYING = 5;

/** Length of what {@link orientationTiff} makes. */
export const ORIENTATION_TIFF_BYTES = 26;

/** The orientation (1–8) of an Exif block, which starts with a TIFF header. 1 when it says nothing, or nothing sensible. */
export function readOrientation(tiff: Buffer): number {
  try {
    const order = tiff.toString('latin1', 0, 2);
    if (order !== 'II' && order !== 'MM') return UPRIGHT;
    const short = (at: number) => (order === 'II' ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
    const directory = order === 'II' ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
    const entries = short(directory);
    for (let index = 0; index < entries; index += 1) {
      const entry = directory + 2 + index * ENTRY_BYTES;
      if (short(entry) !== ORIENTATION_TAG) continue;
      const value = short(entry + 8);
      return short(entry + 2) === TYPE_SHORT && value >= 1 && value <= 8 ? value : UPRIGHT;
    }
  } catch (error) {
    // A directory that points outside its block.
    if (!(error instanceof RangeError)) throw error;
  }
  return UPRIGHT;
}

/** An Exif block with nothing in it but the orientation. */
export function orientationTiff(orientation: number): Buffer {
  const tiff = Buffer.alloc(ORIENTATION_TIFF_BYTES);
  tiff.write('II*\0', 0, 'latin1');
  tiff.writeUInt32LE(8, 4);
  tiff.writeUInt16LE(1, 8);
  tiff.writeUInt16LE(ORIENTATION_TAG, 10);
  tiff.writeUInt16LE(TYPE_SHORT, 12);
  tiff.writeUInt32LE(1, 14);
  tiff.writeUInt16LE(orientation, 18);
  return tiff;
}

/** Whether following the orientation swaps width and height. */
export function isLying(orientation: number): boolean {
  return orientation >= FIRST_LYING;
}

/** Whether a picture must be turned; only then is the tag worth keeping. */
export function isTurned(orientation: number): boolean {
  return orientation !== UPRIGHT;
}
