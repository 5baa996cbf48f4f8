import type { CallContext, Size, VideoProvider, VideoRequest } from '@litegen/plugin-sdk';
import { ProviderError } from '@litegen/plugin-sdk';
import { type ClipSpec, renderClip } from './clip.js';
import { paletteOf } from './colours.js';
import { sizeForRatio } from './dimensions.js';
import type { MockOptions } from './options.js';
import { type Medium, PlayedVendor } from './played-vendor.js';
import { lookAt } from './references.js';
import { printable } from './text.js';
import type { VendorState } from './vendor-state.js';

const DEFAULT_SHORTER_SIDE = 180;
const DEFAULT_RATIO = '16:9';
const DEFAULT_DURATION_SECONDS = 5;
const DEFAULT_FRAMES_PER_SECOND = 8;
const MAX_SHORTER_SIDE = 2160;
// What one clip may cost to render, in coded frames; a model's own limits are far below.
const MAX_FRAMES = 3600;
const MAX_PIXELS = 3840 * 2160;
const MIN_SIDE = 64;

/** 4:2:0 pictures have even sides. */
function even(length: number): number {
  return Math.max(MIN_SIDE, Math.round(length / 2) * 2);
}

function sizeOf({ params }: VideoRequest, call: CallContext): Size {
  const { size, aspect_ratio: ratio = DEFAULT_RATIO, resolution } = params;
  const named = /^(\d{2,4})x(\d{2,4})$/.exec(resolution ?? '');
  const exact = size ?? (named === null ? undefined : { width: Number(named[1]), height: Number(named[2]) });
  if (exact !== undefined) {
    const fitted = { width: even(exact.width), height: even(exact.height) };
    if (fitted.width !== exact.width || fitted.height !== exact.height) {
      call.warn({ param: 'size', action: 'mapped', message: `clips have even sides from ${MIN_SIDE}: ${fitted.width}x${fitted.height}` });
    }
    return fitted;
  }
  const shorter = Number(/^(\d{3,4})p$/.exec(resolution ?? '')?.[1] ?? DEFAULT_SHORTER_SIDE);
  if (resolution !== undefined && !/^\d{3,4}p$/.test(resolution)) {
    call.warn({ param: 'resolution', action: 'dropped', message: 'not a resolution such as 720p or 1280x720' });
  }
  const fitted = sizeForRatio(ratio, Math.min(shorter, MAX_SHORTER_SIDE), 'shortest', 2);
  if (fitted === undefined) call.warn({ param: 'aspect_ratio', action: 'dropped', message: 'not a ratio from 1:10 to 10:1' });
  return fitted ?? { width: Math.round((shorter * 8) / 9) * 2, height: shorter };
}

const CLIPS: Medium<VideoRequest, ClipSpec> = {
  name: 'video',
  mode: 'async',

  async prepare(request, call, { text, seed }) {
    const { width, height } = sizeOf(request, call);
    const { duration_seconds: durationSeconds = DEFAULT_DURATION_SECONDS, fps = DEFAULT_FRAMES_PER_SECOND } = request.params;
    if (width * height > MAX_PIXELS)
      throw new ProviderError('invalid_request', `a clip has at most ${MAX_PIXELS} pixels`, { param: 'size' });
    if (fps < 1 || fps > 60 || durationSeconds * fps > MAX_FRAMES) {
      throw new ProviderError('invalid_request', `a clip has 1 to 60 frames per second and at most ${MAX_FRAMES} frames`, {
        param: 'duration_seconds',
      });
    }
    const references = await lookAt(request.inputs);
    const source = references.find(({ role }) => role === 'video');
    const caption = [
      request.model.id,
      `${width}x${height}`,
      `${durationSeconds} s`,
      ...(source === undefined ? [] : [`remix of ${source.fingerprint}`]),
      `seed ${seed}`,
    ];
    return {
      width,
      height,
      durationMs: Math.max(1, Math.round(durationSeconds * 1000)),
      framesPerSecond: fps,
      text: printable(text),
      caption: caption.join('  '),
      palette: paletteOf(text),
      firstFrame: references.find(({ role }) => role === 'first_frame') ?? null,
      lastFrame: references.find(({ role }) => role === 'last_frame') ?? null,
    };
  },

  async render(spec, _index, seed) {
    return renderClip(spec, seed);
  },

  async partials() {
    return [];
  },

  usage(spec, count) {
    return { seconds: (spec.durationMs * count) / 1000 };
  },
};

/** Renders MP4 clips as operations unless the request asks for them at once. */
export function videoProvider(options: MockOptions, state: VendorState): VideoProvider {
  return new PlayedVendor(CLIPS, options, state);
}
