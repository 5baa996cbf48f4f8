import { z } from 'zod';
import { day, decimal, OPERATIONS, section } from '../../domain/catalog/index.js';

/** One request and the figure that the vendor's own words lead to, without markup. */
const priceCase = section({
  name: z.string().optional().describe('Of the case; default: what it asks for.'),
  operation: z.enum(OPERATIONS).optional().describe('Default: the first that the model does.'),
  n: z.int().positive().optional(),
  params: z.record(z.string(), z.json()).default({}),
  references: z.array(z.string()).default([]).describe('Their roles.'),
  extra: z.record(z.string(), z.json()).optional(),
  usd: decimal.optional().describe('What the vendor bills.'),
  estimate: z.boolean().default(false).describe('Only the vendor can count what it bills, so the quote is an estimate.'),
  tolerance_usd: decimal
    .refine((usd) => Number(usd) < 0.005, 'is not less than half a cent')
    .optional()
    .describe('How far an estimate may be off, because the vendor’s figure is for a typical output.'),
  held_usd: decimal.optional().describe('What is held until then; default: the same.'),
  refused: z.string().optional().describe('The error code with which the request is refused.'),
  reported: section({
    outputs: z.int().nonnegative().default(1),
    usage: z.record(z.string(), z.number()).optional(),
    cost_usd: z.string().optional(),
  })
    .optional()
    .describe('What the vendor tells when it is done; makes the case a settlement.'),
  settled_by: z.enum(['vendor_reported', 'usage', 'catalog']).optional(),
}).refine(({ usd, held_usd: held, refused }) => usd !== undefined || held !== undefined || refused !== undefined, {
  error: 'says neither usd, held_usd nor refused',
});

const priceStatement = section({
  models: z.array(z.string()).min(1).describe('Ids of the models that it is about.'),
  published: z.string().optional().describe('The vendor’s own words.'),
  unpublished: z.string().optional().describe('Why there are none.'),
  source: z.string().optional().describe('Where they stand.'),
  checked: day.optional().describe('When they were read.'),
  confidence: z.enum(['published', 'reported', 'estimated']).default('published'),
  cases: z.array(priceCase).min(1),
})
  .refine(({ published, unpublished }) => (published === undefined) !== (unpublished === undefined), {
    error: 'says either published or unpublished',
  })
  .refine(({ published, source, checked }) => published === undefined || (source !== undefined && checked !== undefined), {
    error: 'says not where and when it was read: source, checked',
  });

/** A file of published prices: `<folder of the models>/prices/*.yaml`. */
export const priceFixturesSchema = section({ prices: z.array(priceStatement).min(1) });

export type PriceCase = z.infer<typeof priceCase>;
export type PriceStatement = z.infer<typeof priceStatement>;
