/**
 * - `openai`: gateways and servers that follow OpenAI's classic API and know further keys.
 * - `strict`: servers that refuse every key which OpenAI's current API does not have.
 * - `vllm-omni`, `sglang`: vLLM-Omni and SGLang-Diffusion.
 */
export type Dialect = 'openai' | 'strict' | 'vllm-omni' | 'sglang';

/** How servers of one dialect want to be spoken to. */
export interface DialectRules {
  /** Whether base64 must be asked for. Answers are read in both forms. */
  readonly sendsResponseFormat: boolean;
  /** Whether keys beyond OpenAI's own, such as `seed`, are sent. */
  readonly extensions: boolean;
  /** Parameters that these servers do not know and would ignore. */
  readonly unsupported: readonly string[];
  /** Gateway name → wire name. */
  readonly renamed: Readonly<Record<string, string>>;
  /** Name of an edit's picture parts when there are several. */
  readonly imagesPart: 'image' | 'image[]';
  /** `alpha`: part `mask`, transparent is repainted. `white`: part `mask_image`, white is repainted. */
  readonly mask: 'alpha' | 'white';
  /** Video requests without a file: JSON, or multipart always. */
  readonly videoBody: 'json' | 'multipart';
  readonly seconds: 'string' | 'number';
  /** Whether deleting a video ends its work. SGLang only forgets the record; OpenAI's own API had no cancellation. */
  readonly deleteCancels: boolean;
}

const RENAMED = { steps: 'num_inference_steps' };

const OPENAI: DialectRules = {
  sendsResponseFormat: true,
  extensions: true,
  unsupported: [],
  renamed: RENAMED,
  imagesPart: 'image[]',
  mask: 'alpha',
  videoBody: 'json',
  seconds: 'string',
  deleteCancels: true,
};

export const DIALECTS: Readonly<Record<Dialect, DialectRules>> = {
  openai: OPENAI,
  strict: { ...OPENAI, sendsResponseFormat: false, extensions: false, deleteCancels: false },
  'vllm-omni': {
    ...OPENAI,
    unsupported: ['aspect_ratio', 'resolution'],
    renamed: { ...RENAMED, audio: 'generate_sound' },
    imagesPart: 'image',
    mask: 'white',
    videoBody: 'multipart',
  },
  sglang: { ...OPENAI, unsupported: ['aspect_ratio', 'resolution', 'audio'], seconds: 'number', deleteCancels: false },
};
