export type ParamKind = 'bool' | 'int' | 'float' | 'string' | 'size' | 'aspect_ratio' | 'seed';

/** Every parameter that a model may declare, and the kinds that suit it. The first twelve are LiteGen's. */
export const PARAM_KINDS = {
  negative_prompt: ['string'],
  seed: ['seed', 'int'],
  steps: ['int'],
  guidance_scale: ['float', 'int'],
  strength: ['float'],
  quality: ['string'],
  style: ['string'],
  size: ['size'],
  aspect_ratio: ['aspect_ratio', 'string'],
  duration_seconds: ['float', 'int'],
  resolution: ['string'],
  fps: ['int', 'float'],
  n: ['int'],
  background: ['string'],
  output_format: ['string'],
  output_compression: ['int'],
  moderation: ['string'],
  input_fidelity: ['string'],
  audio: ['bool'],
} as const satisfies Record<string, readonly ParamKind[]>;

export type ParamName = keyof typeof PARAM_KINDS;

export const PARAM_NAMES = Object.keys(PARAM_KINDS) as ParamName[];

/** What a price component or an estimate counts. */
export const PRICE_UNITS = [
  'request',
  'image',
  'second',
  'megapixel',
  'input_megapixel',
  'input_text_token',
  'cached_input_text_token',
  'input_image_token',
  'cached_input_image_token',
  'output_text_token',
  'output_image_token',
  'credit',
] as const;

export type PriceUnit = (typeof PRICE_UNITS)[number];
