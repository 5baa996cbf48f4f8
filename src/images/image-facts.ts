import type { Model } from '../catalog/index.js';
import type { GenerationEntity } from '../generations/index.js';

/** What OpenAI's answers tell about a picture beside its bytes. */
export interface ImageFacts {
  readonly size?: string;
  readonly quality?: string;
  readonly background?: string;
  readonly output_format?: string;
}

interface Picture {
  readonly contentType: string;
  readonly width?: number | null;
  readonly height?: number | null;
}

/** What was asked for, else what the model does unasked, else what the file shows. */
export function imageFacts(
  { request }: Pick<GenerationEntity, 'request'>,
  model: Model | undefined,
  picture: Picture | undefined,
): ImageFacts {
  const quality = request.params.quality ?? textDefault(model, 'quality');
  const background = request.params.background ?? textDefault(model, 'background');
  const size = sizeOf(request.params.size, picture);
  return {
    ...(size === undefined ? {} : { size }),
    ...(quality === undefined ? {} : { quality }),
    ...(background === undefined ? {} : { background }),
    ...(picture === undefined ? {} : { output_format: formatOf(picture.contentType) }),
  };
}

/** OpenAI's events have all four. */
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
