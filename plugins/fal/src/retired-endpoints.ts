/**
 * Endpoint ids that fal renamed → the id that answers today, so that an older catalogue entry keeps working.
 * Source: the endpoint list of npm @fal-ai/client 1.10.1, in which the left ids no longer occur.
 */
export const RETIRED_ENDPOINTS: Readonly<Record<string, string>> = {
  'fal-ai/recraft-v3': 'fal-ai/recraft/v3/text-to-image',
  'fal-ai/minimax-video': 'fal-ai/minimax/video-01',
  'fal-ai/minimax-video/image-to-video': 'fal-ai/minimax/video-01/image-to-video',
};
