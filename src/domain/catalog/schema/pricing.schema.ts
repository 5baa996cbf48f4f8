import { z } from 'zod';
import { day, decimal, price, section } from './section.js';
import { PRICE_UNITS } from './vocabulary.js';

const scalar = z.union([z.string(), z.number(), z.boolean()]);

const range = section({ min: z.number().optional(), max: z.number().optional() });

/** A parameter's value, one of several, or a range of numbers. */
export const conditionSchema = z
  .record(z.string(), z.union([scalar, z.array(scalar).min(1), range], { error: 'expected a value, a list of values, or {min, max}' }))
  .describe(
    'Parameter to value, list of values or {min, max}; all must hold. A parameter that was not asked for has its default. ' +
      '`inputs` and `inputs.<role>` count references, `operation` is the operation, `extra.<key>` a vendor option.',
  );

export type PriceCondition = z.infer<typeof conditionSchema>;

const component = section({
  unit: z.enum(PRICE_UNITS),
  usd: decimal.describe('US dollars for `per` units, as a decimal string.'),
  per: z.int().positive().default(1).describe('Units per price, such as 1000000 for tokens.'),
  pixels: z
    .int()
    .positive()
    .optional()
    .describe('Of a megapixel, as this vendor counts; default 1000000, many count 1048576 (1024 × 1024).'),
  round_up: z.boolean().default(false).describe('The vendor bills begun units: each output’s quantity is rounded up.'),
  when: conditionSchema.optional(),
  source: z.string().optional().describe('Where the price was read.'),
  checked: day.optional().describe('When the price was read.'),
  confidence: z.enum(['published', 'reported', 'estimated']).default('published'),
});

export type PriceComponent = z.infer<typeof component>;

const estimate = section({
  unit: z.enum(PRICE_UNITS),
  quantity: z.union([z.number().nonnegative(), decimal]).describe('How many units.'),
  per_output: z.boolean().default(false).describe('Whether the quantity is for one output rather than for the request.'),
  per_input: z.boolean().default(false).describe('Whether the quantity is for one reference rather than for all of them.'),
  when: conditionSchema.optional(),
});

export type PriceEstimate = z.infer<typeof estimate>;

export const pricingSchema = section({
  base_cost_usd: price.optional().describe('LiteGen’s flat price per output; used when there are no components.'),
  variable_pricing: z.json().optional().describe('LiteGen’s; carried, never evaluated.'),
  components: z
    .array(component)
    .default([])
    .describe('The price is the sum over the units; per unit the first component whose `when` holds.'),
  estimates: z
    .array(estimate)
    .default([])
    .describe('Quantities that are only known after the run, such as tokens; per unit the first whose `when` holds.'),
  ceiling_usd: decimal.optional().describe('Held per output when an exact price cannot be known before the run.'),
});

export type Pricing = z.infer<typeof pricingSchema>;
