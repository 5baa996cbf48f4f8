import type { Model } from '../../domain/catalog/index.js';
import type { GenerationEntity } from '../../engine/generations/index.js';

/** What OpenAI's answers tell about a picture beside its bytes. */
export interface ImageFacts {
  readonly size?: string | undefined;
  readonly quality?: string | undefined;
  readonly background?: string | undefined;
  readonly output_format?: string | undefined;
}

interface Picture {
  readonly contentType: string;
  readonly width?: number | null;
  readonly height?: number | null;
}

/**
 * What OpenAI's own answers can hold: its SDKs refuse other values when they validate strictly, and those that closed their list of sizes are in use.
 * Every picture's true size stands beside it.
 */
const OPENAI_VALUES = {
  size: new Set(['1024x1024', '1536x1024', '1024x1536']),
  quality: new Set(['low', 'medium', 'high', 'xhigh', 'max']),
  background: new Set(['transparent', 'opaque']),
  output_format: new Set(['png', 'webp', 'jpeg', 'gif', 'svg']),
} as const satisfies Record<keyof ImageFacts, ReadonlySet<string>>;

/** What was asked for, else what the model does unasked, else what the file shows, as far as OpenAI has a word for it. */
export function imageFacts(
  { request }: Pick<GenerationEntity, 'request'>,
  model: Model | undefined,
  picture: Picture | undefined,
): ImageFacts {
  const facts: ImageFacts = {
    size: sizeOf(request.params.size, picture),
    quality: request.params.quality ?? textDefault(model, 'quality'),
    background: request.params.background ?? textDefault(model, 'background'),
    output_format: picture === undefined ? undefined : formatOf(picture.contentType),
  };
  return Object.fromEntries(
    Object.entries(facts).filter(([name, value]) => value !== undefined && OPENAI_VALUES[name as keyof ImageFacts].has(value)),
  );
}

/** Pixels of a picture, where its file tells them. */
export function pixelsOf({ width, height }: Picture): { width?: number; height?: number } {
  return width && height ? { width, height } : {};
}

/** OpenAI's events have all four, and a word for what is not known. */
export function eventFacts(facts: ImageFacts): Required<ImageFacts> {
  return { size: 'auto', quality: 'auto', background: 'auto', output_format: 'png', ...facts };
}

function textDefault(model: Model | undefined, name: 'quality' | 'background'): string | undefined {
  const spec = model?.params[name];
  return spec?.kind === 'string' ? spec.default : undefined;
}

/** The file itself is surer than what was asked for, and knows it for `auto`. */
function sizeOf(asked: GenerationEntity['request']['params']['size'], picture: Picture | undefined): string | undefined {
  if (picture?.width && picture.height) return `${picture.width}x${picture.height}`;
  return typeof asked === 'object' ? `${asked.width}x${asked.height}` : asked;
}

/** `image/svg+xml` as `svg`. */
function formatOf(contentType: string): string {
  return (contentType.split('/')[1] ?? contentType).split('+')[0] ?? contentType;
}
