/** What each model takes, by OpenAI's documents of 2026-11-20. */
export interface ModelRules {
  /** Any size within the limits, not only the three presets. */
  readonly customSizes: boolean;
  readonly qualities: readonly string[];
  readonly formats: readonly string[];
  /** Values of `input_fidelity`; empty where the field must be left out. */
  readonly inputFidelity: readonly string[];
  readonly markup: boolean;
  /** Keys that are newer than the published schemas. */
  readonly newerKeys: readonly string[];
  /** As `GET /models` tells it. */
  readonly shutdownDate: string | null;
}

const BASE_QUALITIES = ['low', 'medium', 'high', 'auto'];
const FORMATS = ['png', 'jpeg', 'webp'];
const PRESETS = ['1024x1024', '1536x1024', '1024x1536'];

const IMAGE_2: ModelRules = {
  customSizes: true,
  qualities: BASE_QUALITIES,
  formats: FORMATS,
  inputFidelity: [],
  markup: false,
  newerKeys: ['safety_identifier'],
  shutdownDate: null,
};
const IMAGE_2_5: ModelRules = { ...IMAGE_2, qualities: [...BASE_QUALITIES, 'xhigh', 'max'], markup: true };
const IMAGE_2_6: ModelRules = {
  ...IMAGE_2_5,
  formats: [...FORMATS, 'gif'],
  newerKeys: ['safety_identifier', 'complexity', 'frame_count', 'frame_duration_ms'],
};
const IMAGE_1_5: ModelRules = {
  ...IMAGE_2,
  customSizes: false,
  inputFidelity: ['high', 'low'],
  shutdownDate: '2026-12-01',
};

/** The models that still answer; every other name gets `model_not_found`. */
export const MODELS: Readonly<Record<string, ModelRules>> = {
  'gpt-image-2.6-flare': IMAGE_2_6,
  'gpt-image-2.6-sunburst': IMAGE_2_6,
  'gpt-image-2.5-flare': IMAGE_2_5,
  'gpt-image-2.5-flare-2026-09-08': IMAGE_2_5,
  'gpt-image-2.5-sunburst': IMAGE_2_5,
  'gpt-image-2.5-sunburst-2026-09-08': IMAGE_2_5,
  'gpt-image-2': IMAGE_2,
  'gpt-image-2-2026-04-21': IMAGE_2,
  'gpt-image-1.5': IMAGE_1_5,
  'gpt-image-1.5-2025-12-16': IMAGE_1_5,
  'chatgpt-image-latest': IMAGE_1_5,
  'gpt-image-1-mini': { ...IMAGE_1_5, inputFidelity: ['low'] },
};

/** Undefined when the size is fine, else what is wrong with it. */
export function sizeProblem(rules: ModelRules, size: string): string | undefined {
  if (size === 'auto' || PRESETS.includes(size)) return undefined;
  const match = /^(\d+)x(\d+)$/.exec(size);
  if (!rules.customSizes || !match) return `Invalid size '${size}'. Supported sizes are ${PRESETS.join(', ')} and auto.`;
  const [width, height] = [Number(match[1]), Number(match[2])];
  if (width % 16 !== 0 || height % 16 !== 0) return 'Width and height must both be divisible by 16.';
  if (Math.max(width, height) > 3840) return 'The longest edge must not exceed 3840 pixels.';
  if (Math.max(width, height) > 3 * Math.min(width, height)) return 'The aspect ratio must be between 1:3 and 3:1.';
  if (width * height < 655_360 || width * height > 8_294_400) return 'The total must be between 655,360 and 8,294,400 pixels.';
  return undefined;
}

/** Output tokens that a picture takes; the figures reported for 1024x1024 of GPT Image 2.5. */
export const OUTPUT_TOKENS: Readonly<Record<string, number>> = { low: 196, medium: 439, auto: 439, high: 1756, xhigh: 3122, max: 7024 };

/** Each partial image costs so many output tokens more. */
export const PARTIAL_IMAGE_TOKENS = 100;
