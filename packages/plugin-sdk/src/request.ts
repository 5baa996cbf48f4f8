import type { Json, JsonObject } from './json.js';

export type Operation = 'image.generate' | 'image.edit' | 'video.generate';

/** Pixels. */
export interface Size {
  width: number;
  height: number;
}

/** The model as the capability YAML describes it. */
export interface RequestedModel {
  /** Catalogue id, `<provider>/<name>`. */
  id: string;
  /** The part behind the first slash. */
  name: string;
  /** The YAML's `upstream` value: whatever the plugin needs to address the model, such as the vendor's own id. */
  upstream: JsonObject;
}

/**
 * An input file: a reference image, a mask, a first frame. Its bytes are already fetched, sniffed and stored by the
 * gateway; none of them passes through the plugin unless it asks with `read`.
 */
export interface InputMedia {
  /** Role of the capability YAML's `ref_inputs.roles`, such as `init`, `mask`, `first_frame`. */
  readonly role: string;
  /** From the file's magic bytes, such as `image/png`. */
  readonly contentType: string;
  /** Length in bytes. */
  readonly bytes: number;
  readonly width?: number;
  readonly height?: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** The URL that the caller named, when the reference came as one. It was fetched under the gateway's guard, but may have changed since. */
  readonly sourceUrl?: string;
  /** A signed link to the gateway's copy that the vendor can fetch, or undefined when the gateway has no public address. */
  publicUrl(): string | undefined;
  /** Stands for the base64 text inside a JSON body given to `call.fetch`; it is encoded while the body streams. */
  base64(): MediaText;
  /** Like {@link base64}, as a `data:` URL. */
  dataUrl(): MediaText;
  /** The whole file. Prefer {@link base64}, {@link dataUrl} or a multipart part, which stream. */
  read(): Promise<Uint8Array>;
}

/** A place in a JSON body where the gateway writes an input's bytes as text while sending. */
export interface MediaText {
  readonly kind: 'litegen.media-text';
  readonly form: 'base64' | 'data_url';
  readonly media: InputMedia;
}

interface RequestBase<Params> {
  readonly operation: Operation;
  readonly model: RequestedModel;
  readonly prompt: string;
  /** How many outputs are wanted; at least 1 and never more than the capability allows. */
  readonly n: number;
  /** Validated against the capability YAML, under the YAML's own names. Absent means that the caller did not ask. */
  readonly params: Params;
  /** In the caller's order. */
  readonly inputs: readonly InputMedia[];
  /** Vendor options that the YAML's `extra_allowlist` names (any key, when the caller chose lax mode). */
  readonly extra: JsonObject;
  /** The end user on whose behalf the call is made, as the caller named it. */
  readonly user?: string;
}

/** Image parameters under their YAML names. */
export interface ImageParams {
  negative_prompt?: string;
  seed?: number;
  steps?: number;
  guidance_scale?: number;
  strength?: number;
  quality?: string;
  style?: string;
  /** Pixels, or `auto` where the YAML allows it. */
  size?: Size | 'auto';
  /** Such as `16:9`. */
  aspect_ratio?: string;
  /** Such as `1K`. */
  resolution?: string;
  background?: string;
  /** `png`, `jpeg`, `webp`, … */
  output_format?: string;
  /** 0–100. */
  output_compression?: number;
  moderation?: string;
  input_fidelity?: string;
  [name: string]: Json | Size | undefined;
}

/** Video parameters under their YAML names. */
export interface VideoParams {
  negative_prompt?: string;
  seed?: number;
  steps?: number;
  guidance_scale?: number;
  strength?: number;
  quality?: string;
  style?: string;
  duration_seconds?: number;
  size?: Size;
  aspect_ratio?: string;
  /** Such as `720p` or `1280x720`. */
  resolution?: string;
  fps?: number;
  /** Whether sound is wanted. */
  audio?: boolean;
  [name: string]: Json | Size | undefined;
}

export interface ImageRequest extends RequestBase<ImageParams> {
  readonly operation: 'image.generate' | 'image.edit';
  /** How many partial images to `emit` while the image forms; 0 when the caller did not ask for a stream. */
  readonly partialImages: number;
}

export interface VideoRequest extends RequestBase<VideoParams> {
  readonly operation: 'video.generate';
}
