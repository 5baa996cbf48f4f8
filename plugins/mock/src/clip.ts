import { setImmediate } from 'node:timers/promises';
import type { Palette, Rgb } from './colours.js';
import { mix } from './colours.js';
import { BLOCK, Frame, toYuv, type Yuv } from './frame.js';
import { H264Encoder } from './h264.js';
import { writeMp4 } from './mp4.js';
import { parameterSets } from './parameter-sets.js';
import type { Reference } from './references.js';
import { cellColour, cellsOf } from './references.js';
import { inkRuns, layOut } from './text.js';

/** Everything a clip is made from; plain JSON. */
export type ClipSpec = {
  /** Pixels, even. */
  width: number;
  height: number;
  durationMs: number;
  framesPerSecond: number;
  text: string;
  caption: string;
  palette: Palette;
  /** Shown as the clip's background at its start and end, blended in between. */
  firstFrame: Reference | null;
  lastFrame: Reference | null;
};

const PANEL: Yuv = [30, 128, 128];
const INK_LUMA = 230;
// The background moves on in steps, because every step codes the whole picture anew.
const BACKGROUND_STEPS_PER_SECOND = 2;
const WHITE: Rgb = [255, 255, 255];

/** Places of the parts of a clip, in whole macroblocks so that their insides code as flat or skipped ones. */
class Stage {
  readonly panelTop = BLOCK;
  readonly panelHeight: number;
  readonly laneTop: number;
  readonly squareSide: number;
  readonly barTop: number;

  constructor(frame: Frame) {
    const rows = Math.floor(frame.height / BLOCK);
    const lane = Math.max(1, Math.floor(rows * 0.2));
    const panel = Math.max(1, Math.floor(rows * 0.5));
    this.panelHeight = panel * BLOCK;
    this.squareSide = lane * BLOCK;
    this.laneTop = Math.floor((panel + rows - lane) / 2) * BLOCK;
    this.barTop = (rows - 1) * BLOCK;
  }
}

function backgroundColour(spec: ClipSpec, share: number, column: number, row: number): Rgb {
  const first = spec.firstFrame;
  const last = spec.lastFrame;
  const gradient = mix(spec.palette.from, spec.palette.to, Math.min(1, (column + row) / 2 + (first === null ? share * 0.25 : 0)));
  const start = first === null ? gradient : cellColour(first, cellsOf(first), column, row);
  if (last === null) return start;
  return mix(start, cellColour(last, cellsOf(last), column, row), share);
}

/** Draws the background at `share` of the way; only under the moving parts when the rest shows it already. */
function drawBackground(frame: Frame, stage: Stage, spec: ClipSpec, share: number, everywhere: boolean): void {
  const tile = Math.max(1, Math.round(Math.max(frame.columns, frame.rows) / 20)) * BLOCK;
  for (let top = 0; top < frame.rows * BLOCK; top += tile) {
    for (let left = 0; left < frame.stride; left += tile) {
      const colour = toYuv(backgroundColour(spec, share, left / frame.stride, top / (frame.rows * BLOCK)));
      for (let y = top; y < top + tile; y += BLOCK) {
        if (!everywhere && (y < stage.laneTop || y >= stage.laneTop + stage.squareSide)) continue;
        const behindPanel = y >= stage.panelTop && y < stage.panelTop + stage.panelHeight;
        // The panel's inside stays as it is: its letters are the costliest part of a picture.
        if (!behindPanel) frame.fill(left, y, tile, BLOCK, colour);
        else if (left === 0) frame.fill(0, y, BLOCK, BLOCK, colour);
        if (behindPanel && left + tile >= frame.stride) frame.fill(frame.stride - BLOCK, y, BLOCK, BLOCK, colour);
      }
    }
  }
}

function drawWords(frame: Frame, stage: Stage, spec: ClipSpec): void {
  const left = BLOCK;
  const width = frame.stride - 2 * BLOCK;
  frame.fill(left, stage.panelTop, width, stage.panelHeight, PANEL);
  const largest = Math.max(1, Math.round(stage.panelHeight / 30));
  const words = layOut(spec.text, width - 8, stage.panelHeight - 14, largest);
  const top = stage.panelTop + Math.max(0, (stage.panelHeight - 12 - words.height) >> 1);
  const ink = (layout: typeof words, x: number, y: number): void => {
    inkRuns(layout, x, y, (runLeft, runTop, runWidth, runHeight) => {
      frame.fill(runLeft, runTop, runWidth, runHeight, [INK_LUMA, 128, 128]);
    });
  };
  ink(words, left + Math.max(4, (width - words.width) >> 1), top);
  const caption = layOut(spec.caption, width - 8, 10, 1);
  ink(caption, left + 4, stage.panelTop + stage.panelHeight - 12);
}

function drawMotion(frame: Frame, stage: Stage, spec: ClipSpec, seconds: number, share: number, seed: number): void {
  const room = Math.max(0, frame.width - stage.squareSide);
  const phase = (seconds / 2 + (seed % 1000) / 500) % 2;
  const left = 2 * Math.round(((phase <= 1 ? phase : 2 - phase) * room) / 2);
  frame.fill(left, stage.laneTop, stage.squareSide, stage.squareSide, toYuv(spec.palette.accent));
  frame.fill(0, stage.barTop, 2 * Math.round((frame.width * share) / 2), BLOCK, toYuv(WHITE));
}

/** Renders a clip: an MP4 with H.264 and no sound. The seed decides where the square starts. Gives other work a turn after every frame. */
export async function renderClip(spec: ClipSpec, seed: number): Promise<Uint8Array> {
  const frame = new Frame(spec.width, spec.height);
  const stage = new Stage(frame);
  const encoder = new H264Encoder(frame);
  const frameDurationMs = Math.round(1000 / spec.framesPerSecond);
  const count = Math.max(1, Math.ceil(spec.durationMs / frameDurationMs));
  const steps = Math.max(1, Math.round((spec.durationMs / 1000) * BACKGROUND_STEPS_PER_SECOND) - 1);
  const frames: Uint8Array[] = [];
  let shownStep = -1;
  for (let index = 0; index < count; index++) {
    const timeMs = index * frameDurationMs;
    const share = timeMs / spec.durationMs;
    const step = Math.min(steps, Math.floor(share * (steps + 1)));
    drawBackground(frame, stage, spec, step / steps, step !== shownStep);
    shownStep = step;
    if (index === 0) drawWords(frame, stage, spec);
    drawMotion(frame, stage, spec, timeMs / 1000, share, seed);
    frames.push(encoder.encode());
    await setImmediate();
  }
  const { width, height, durationMs } = spec;
  return writeMp4({ width, height, parameterSets: parameterSets(frame), frames, frameDurationMs, durationMs });
}
