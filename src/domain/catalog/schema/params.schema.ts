import { z } from 'zod';
import { section } from './section.js';
import { PARAM_KINDS, type ParamKind, type ParamName } from './vocabulary.js';

const pixels = z.int().positive();
const pair = z.tuple([pixels, pixels]).describe('[width, height] in pixels');
const sizeText = z
  .string()
  .regex(/^([1-9]\d*x[1-9]\d*|auto)$/, 'expected WIDTHxHEIGHT or auto')
  .describe('The size that the vendor makes when none is asked for; prices and ratio mapping start from it.');

const bool = section({ kind: z.literal('bool'), default: z.boolean().optional() });

const int = section({
  kind: z.literal('int'),
  min: z.int().optional(),
  max: z.int().optional(),
  enum_values: z.array(z.int()).min(1).optional().describe('When only certain numbers are taken.'),
  default: z.int().optional(),
});

const float = section({
  kind: z.literal('float'),
  min: z.number().optional(),
  max: z.number().optional(),
  enum_values: z.array(z.number()).min(1).optional().describe('When only certain numbers are taken.'),
  default: z.number().optional(),
});

const seed = section({ kind: z.literal('seed'), min: z.int().optional(), max: z.int().optional() });

const string = section({
  kind: z.literal('string'),
  max_length: z.int().positive().optional().describe('Unicode code points.'),
  enum_values: z.array(z.string()).min(1).optional(),
  pattern: z.string().optional().describe('A regular expression that the value must match.'),
  default: z.string().optional(),
});

const aspectRatio = section({
  kind: z.literal('aspect_ratio'),
  allowed: z.array(z.string()).min(1).describe('Such as 16:9; words of the vendor, such as adaptive, are taken as they are.'),
  default: z.string().optional(),
});

const enumSize = section({
  kind: z.literal('size'),
  mode: z.literal('enum'),
  values: z.array(pair).min(1),
  allow_auto: z.boolean().optional().describe('Whether the word auto is taken.'),
  default: sizeText.optional(),
});

const freeformSize = section({
  kind: z.literal('size'),
  mode: z.literal('freeform'),
  min_width: pixels,
  max_width: pixels,
  min_height: pixels,
  max_height: pixels,
  multiple_of: pixels.optional(),
  max_ratio: z.number().min(1).optional().describe('The longer side divided by the shorter one.'),
  min_pixels: pixels.optional(),
  max_pixels: pixels.optional(),
  allow_auto: z.boolean().optional().describe('Whether the word auto is taken.'),
  default: sizeText.optional(),
});

const KINDS = { bool, int, float, string, seed, aspect_ratio: aspectRatio } as const;

const size = z.discriminatedUnion('mode', [enumSize, freeformSize], { error: 'expected mode: enum or mode: freeform' });

export type SizeSpec = z.infer<typeof size>;
export type FreeformSizeSpec = z.infer<typeof freeformSize>;
export type ParamSpec =
  | z.infer<typeof bool>
  | z.infer<typeof int>
  | z.infer<typeof float>
  | z.infer<typeof string>
  | z.infer<typeof seed>
  | z.infer<typeof aspectRatio>
  | SizeSpec;
export type NumberSpec = z.infer<typeof int> | z.infer<typeof float> | z.infer<typeof seed>;

/** The schema of one parameter, restricted to the kinds that suit its name. */
function specFor(kinds: readonly ParamKind[]): z.ZodType<ParamSpec, ParamSpec> {
  const options = kinds.map((kind) => (kind === 'size' ? size : KINDS[kind]));
  const [first, second, ...rest] = options;
  if (first === undefined) throw new Error('a parameter without a kind');
  if (second === undefined) return first;
  return z.discriminatedUnion('kind', [first as typeof int, second as typeof float, ...(rest as (typeof int)[])], {
    error: `expected kind: ${kinds.join(' or kind: ')}`,
  });
}

type ParamShape = { [Name in ParamName]: z.ZodOptional<z.ZodType<ParamSpec, ParamSpec>> };

/** What a model takes. LiteGen's twelve names and ours; anything else belongs in `extra_allowlist`. */
export const paramsSchema = section(
  Object.fromEntries(Object.entries(PARAM_KINDS).map(([name, kinds]) => [name, specFor(kinds).optional()])) as ParamShape,
);
