import { BitWriter } from './bits.js';
import { writeChromaDc, writeLumaDc } from './cavlc.js';
import type { Frame } from './frame.js';
import { LOG2_MAX_FRAME_NUM, nalUnit } from './parameter-sets.js';

// Constrained baseline profile of ITU-T H.264. Every picture is coded without loss by three kinds of macroblock: unchanged ones are
// skipped, flat ones are Intra16x16 with DC prediction, all others are I_PCM.

const MB_TYPE_I_PCM = 25;
// Intra16x16 with prediction mode 2 (DC) and no AC coefficients.
const MB_TYPE_FLAT = 3;
const MB_TYPE_CHROMA_DC = 4;
// In P slices the intra types come after the five inter types.
const INTRA_TYPES_IN_P = 5;

interface Plane {
  readonly samples: Uint8Array;
  readonly stride: number;
  /** Side of the macroblock in this plane. */
  readonly side: number;
}

/** Codes frames one after the other; every frame refers to the one before it. */
export class H264Encoder {
  readonly #previous: readonly Uint8Array[];
  /** I_PCM counts as 16 coefficients for its neighbours, every other kind as none. */
  readonly #coefficients: Uint8Array;
  #frameNumber = 0;

  constructor(private readonly frame: Frame) {
    this.#previous = this.#planes().map(({ samples }) => new Uint8Array(samples.length));
    this.#coefficients = new Uint8Array(frame.columns * frame.rows);
  }

  /** The access unit of the frame as it is drawn now, one NAL unit. The first is a key frame. */
  encode(): Uint8Array {
    const { frame } = this;
    const key = this.#frameNumber === 0;
    const writer = new BitWriter(16_384);
    this.#writeSliceHeader(writer, key);
    this.#coefficients.fill(0);
    let skipped = 0;
    for (let block = 0; block < frame.touched.length; block++) {
      if (!key && (frame.touched[block] === 0 || !this.#changed(block))) {
        skipped++;
        continue;
      }
      if (!key) writer.unsigned(skipped);
      skipped = 0;
      this.#writeMacroblock(writer, block, key ? 0 : INTRA_TYPES_IN_P);
    }
    if (skipped > 0) writer.unsigned(skipped);
    this.#remember();
    this.#frameNumber++;
    return nalUnit(key ? 5 : 1, writer.finish());
  }

  #planes(): Plane[] {
    const { luma, blue, red, stride } = this.frame;
    return [
      { samples: luma, stride, side: 16 },
      { samples: blue, stride: stride / 2, side: 8 },
      { samples: red, stride: stride / 2, side: 8 },
    ];
  }

  #writeSliceHeader(writer: BitWriter, key: boolean): void {
    writer.unsigned(0); // first_mb_in_slice
    writer.unsigned(key ? 7 : 5); // slice_type: all slices are I, or all are P
    writer.unsigned(0); // pic_parameter_set_id
    writer.bits(this.#frameNumber % (1 << LOG2_MAX_FRAME_NUM), LOG2_MAX_FRAME_NUM);
    if (key) {
      writer.unsigned(0); // idr_pic_id
      writer.bits(0, 2); // dec_ref_pic_marking
    } else {
      writer.bits(0, 3); // default reference list, no reordering, sliding window
    }
    writer.signed(0); // slice_qp_delta
    writer.unsigned(1); // disable_deblocking_filter_idc: off
  }

  #origin(plane: Plane, block: number): number {
    const { columns } = this.frame;
    return Math.floor(block / columns) * plane.side * plane.stride + (block % columns) * plane.side;
  }

  #changed(block: number): boolean {
    return this.#planes().some((plane, index) => {
      const before = this.#previous[index] ?? plane.samples;
      const origin = this.#origin(plane, block);
      for (let y = 0; y < plane.side; y++) {
        const start = origin + y * plane.stride;
        for (let at = start; at < start + plane.side; at++) if (plane.samples[at] !== before[at]) return true;
      }
      return false;
    });
  }

  #writeMacroblock(writer: BitWriter, block: number, typeOffset: number): void {
    const planes = this.#planes();
    const values = planes.map((plane) => this.#flatValue(plane, block));
    const [luma, ...chroma] = values;
    if (luma === undefined || chroma.some((value) => value === undefined)) {
      writer.unsigned(typeOffset + MB_TYPE_I_PCM);
      writer.align();
      for (const plane of planes) {
        const origin = this.#origin(plane, block);
        for (let y = 0; y < plane.side; y++) {
          writer.bytes(plane.samples.subarray(origin + y * plane.stride, origin + y * plane.stride + plane.side));
        }
      }
      this.#coefficients[block] = 16;
      return;
    }
    const differences = planes.slice(1).map((plane, index) => {
      return [0, 1, 2, 3].map((part) => (chroma[index] ?? 0) - this.#predictChroma(plane, block, part));
    });
    const hasChroma = differences.flat().some((difference) => difference !== 0);
    writer.unsigned(typeOffset + MB_TYPE_FLAT + (hasChroma ? MB_TYPE_CHROMA_DC : 0));
    writer.unsigned(0); // intra_chroma_pred_mode: DC
    writer.signed(0); // mb_qp_delta
    writeLumaDc(writer, 2 * (luma - this.#predictLuma(planes[0], block)), this.#context(block));
    if (!hasChroma) return;
    for (const [a = 0, b = 0, c = 0, d = 0] of differences) {
      writeChromaDc(writer, [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]);
    }
  }

  /** The value of all of a macroblock's samples in a plane, or undefined when they differ. */
  #flatValue(plane: Plane, block: number): number | undefined {
    const origin = this.#origin(plane, block);
    const value = plane.samples[origin];
    for (let y = 0; y < plane.side; y++) {
      const start = origin + y * plane.stride;
      for (let at = start; at < start + plane.side; at++) if (plane.samples[at] !== value) return undefined;
    }
    return value;
  }

  /** nC of the first 4x4 block (clause 9.2.1). */
  #context(block: number): number {
    const { columns } = this.frame;
    const left = block % columns > 0 ? this.#coefficients[block - 1] : undefined;
    const above = block >= columns ? this.#coefficients[block - columns] : undefined;
    return left !== undefined && above !== undefined ? (left + above + 1) >> 1 : (left ?? above ?? 0);
  }

  #sum(plane: Plane, start: number, step: number, count: number): number {
    let sum = 0;
    for (let index = 0; index < count; index++) sum += plane.samples[start + index * step] ?? 0;
    return sum;
  }

  /** Intra_16x16_DC (clause 8.3.3.3). */
  #predictLuma(plane: Plane | undefined, block: number): number {
    if (plane === undefined) return 128;
    const { columns } = this.frame;
    const origin = this.#origin(plane, block);
    const left = block % columns > 0 ? this.#sum(plane, origin - 1, plane.stride, 16) : undefined;
    const above = block >= columns ? this.#sum(plane, origin - plane.stride, 1, 16) : undefined;
    if (left !== undefined && above !== undefined) return (left + above + 16) >> 5;
    const only = left ?? above;
    return only === undefined ? 128 : (only + 8) >> 4;
  }

  /** Intra chroma DC of one 4x4 part: 0 and 1 above, 2 and 3 below (clause 8.3.4.1). */
  #predictChroma(plane: Plane, block: number, part: number): number {
    const { columns } = this.frame;
    const x = (part & 1) * 4;
    const y = (part >> 1) * 4;
    const origin = this.#origin(plane, block);
    const left = block % columns > 0 ? this.#sum(plane, origin + y * plane.stride - 1, plane.stride, 4) : undefined;
    const above = block >= columns ? this.#sum(plane, origin - plane.stride + x, 1, 4) : undefined;
    if (left === undefined && above === undefined) return 128;
    if (part === 1) return ((above ?? left ?? 0) + 2) >> 2;
    if (part === 2) return ((left ?? above ?? 0) + 2) >> 2;
    if (left !== undefined && above !== undefined) return (left + above + 4) >> 3;
    return ((left ?? above ?? 0) + 2) >> 2;
  }

  #remember(): void {
    this.#planes().forEach((plane, index) => {
      this.#previous[index]?.set(plane.samples);
    });
    this.frame.touched.fill(0);
  }
}
