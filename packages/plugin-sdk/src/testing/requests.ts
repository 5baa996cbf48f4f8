import type { ImageRequest, InputMedia, RequestedModel, VideoRequest } from '../request.js';
import { sha256Hex, sniffContentType } from './media.js';
import { pngOf } from './sample-files.js';

export interface TestInputOptions {
  readonly role?: string;
  /** Default: a grey PNG of `width` × `height`. */
  readonly bytes?: Uint8Array;
  /** Pixels. Default 64. */
  readonly width?: number;
  readonly height?: number;
  /** Default: from the magic bytes. */
  readonly contentType?: string;
  readonly sourceUrl?: string;
  /** Default: none, as on a gateway without a public address. */
  readonly publicUrl?: string;
}

/** An input file as the gateway would hand it over. */
export function testInput(options: TestInputOptions = {}): InputMedia {
  const width = options.width ?? (options.bytes === undefined ? 64 : undefined);
  const height = options.height ?? (options.bytes === undefined ? 64 : undefined);
  const data = options.bytes ?? pngOf(width ?? 64, height ?? 64);
  const media: InputMedia = {
    role: options.role ?? 'init',
    contentType: options.contentType ?? sniffContentType(data),
    bytes: data.byteLength,
    sha256: sha256Hex(data),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(options.sourceUrl === undefined ? {} : { sourceUrl: options.sourceUrl }),
    publicUrl: () => options.publicUrl,
    base64: () => ({ kind: 'litegen.media-text', form: 'base64', media }),
    dataUrl: () => ({ kind: 'litegen.media-text', form: 'data_url', media }),
    read: async () => data,
  };
  return media;
}

type Partially<Request> = Partial<Omit<Request, 'model'>> & { readonly model?: Partial<RequestedModel> };

function testModel(model: Partial<RequestedModel> | undefined): RequestedModel {
  const id = model?.id ?? 'test/model';
  return { id, name: model?.name ?? id.slice(id.indexOf('/') + 1), upstream: model?.upstream ?? {} };
}

/** An image request; what is not given is the least that the gateway would send. */
export function testImageRequest(partial: Partially<ImageRequest> = {}): ImageRequest {
  return {
    operation: 'image.generate',
    prompt: 'a lighthouse in fog',
    n: 1,
    params: {},
    inputs: [],
    extra: {},
    partialImages: 0,
    ...partial,
    model: testModel(partial.model),
  };
}

/** A video request; what is not given is the least that the gateway would send. */
export function testVideoRequest(partial: Partially<VideoRequest> = {}): VideoRequest {
  return {
    operation: 'video.generate',
    prompt: 'a lighthouse in fog',
    n: 1,
    params: {},
    inputs: [],
    extra: {},
    ...partial,
    model: testModel(partial.model),
  };
}
