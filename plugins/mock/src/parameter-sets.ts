import { BitWriter } from './bits.js';
import { BLOCK, type Frame } from './frame.js';

const PROFILE_BASELINE = 66;
// constraint_set0_flag and constraint_set1_flag: constrained baseline.
const CONSTRAINTS = 0b1100_0000;
// With these, one step of a DC level is exactly half a luma step (luma QP 22) and a quarter of a chroma step (chroma QP 10), so that
// levels of twice a luma difference, and the plain 2x2 transform of chroma differences, decode to the very samples.
const LUMA_QP = 22;
const CHROMA_QP_OFFSET = -12;
/** Frame numbers have so many bits. */
export const LOG2_MAX_FRAME_NUM = 4;

export interface ParameterSets {
  readonly sps: Uint8Array;
  readonly pps: Uint8Array;
}

/** Puts a NAL header before a payload and keeps start codes from appearing inside (clause 7.4.1). */
export function nalUnit(type: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + payload.length + Math.ceil(payload.length / 2));
  out[0] = (3 << 5) | type;
  let length = 1;
  let zeros = 0;
  for (const byte of payload) {
    if (zeros >= 2 && byte <= 3) {
      out[length++] = 3;
      zeros = 0;
    }
    out[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out.slice(0, length);
}

// Table A-1: the lowest level whose frame size suffices, in macroblocks.
function levelFor(macroblocks: number): number {
  if (macroblocks <= 396) return 20;
  if (macroblocks <= 1620) return 30;
  if (macroblocks <= 3600) return 31;
  return macroblocks <= 8192 ? 40 : 51;
}

/** The parameter sets for pictures of a frame's size. */
export function parameterSets(frame: Frame): ParameterSets {
  const sps = new BitWriter(64);
  sps.bits(PROFILE_BASELINE, 8);
  sps.bits(CONSTRAINTS, 8);
  sps.bits(levelFor(frame.columns * frame.rows), 8);
  sps.unsigned(0); // seq_parameter_set_id
  sps.unsigned(LOG2_MAX_FRAME_NUM - 4);
  sps.unsigned(2); // pic_order_cnt_type: output order is decoding order
  sps.unsigned(1); // max_num_ref_frames
  sps.bits(0, 1); // gaps_in_frame_num_value_allowed_flag
  sps.unsigned(frame.columns - 1);
  sps.unsigned(frame.rows - 1);
  sps.bits(1, 1); // frame_mbs_only_flag
  sps.bits(1, 1); // direct_8x8_inference_flag
  sps.bits(1, 1); // frame_cropping_flag, in units of two samples
  sps.unsigned(0);
  sps.unsigned((frame.columns * BLOCK - frame.width) / 2);
  sps.unsigned(0);
  sps.unsigned((frame.rows * BLOCK - frame.height) / 2);
  sps.bits(1, 1); // vui_parameters_present_flag
  sps.bits(0, 2); // no aspect ratio, no overscan information
  sps.bits(1, 1); // video_signal_type_present_flag
  sps.bits(5, 3); // video_format: unspecified
  sps.bits(0, 1); // limited range
  sps.bits(1, 1); // colour_description_present_flag
  for (let field = 0; field < 3; field++) sps.bits(1, 8); // BT.709 primaries, transfer and matrix
  sps.bits(0, 5); // no chroma location, timing, HRD parameters or pic_struct
  sps.bits(1, 1); // bitstream_restriction_flag: nothing is reordered, so players need not wait
  sps.bits(1, 1);
  for (const value of [0, 0, 0, 0, 0, 1]) sps.unsigned(value);

  const pps = new BitWriter(16);
  pps.unsigned(0); // pic_parameter_set_id
  pps.unsigned(0); // seq_parameter_set_id
  pps.bits(0, 2); // CAVLC, no bottom_field_pic_order
  pps.unsigned(0); // one slice group
  pps.unsigned(0); // num_ref_idx_l0_default_active_minus1
  pps.unsigned(0);
  pps.bits(0, 3); // no weighted prediction
  pps.signed(LUMA_QP - 26);
  pps.signed(0);
  pps.signed(CHROMA_QP_OFFSET);
  pps.bits(1, 1); // deblocking_filter_control_present_flag
  pps.bits(0, 2); // unconstrained intra prediction, no redundant pictures
  return { sps: nalUnit(7, sps.finish()), pps: nalUnit(8, pps.finish()) };
}
