import { z } from 'zod';
import { didYouMean } from '../../../platform/common/index.js';

/** A mapping with exactly these keys; an unknown key is answered with the nearest known one. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownKeyMessage(issue.keys, known) : undefined),
  });
}

function unknownKeyMessage(keys: readonly string[], known: readonly string[]): string {
  // One issue names all unknown keys of a mapping; the reader splits it by line.
  return keys.map((key) => `no such key${didYouMean(key, known)}; expected one of ${known.join(', ')}`).join('\n');
}

/** A real day of the calendar. */
export const day = z.iso.date({ error: 'expected a date such as 2026-11-20' });

/** An amount of US dollars, exact to any number of decimals. */
export const decimal = z
  .string({ error: 'expected a decimal string such as "0.053" (in quotes, so that it stays exact)' })
  .regex(/^\d+(\.\d+)?$/, 'expected a decimal string that is not negative, such as "0.053"');

/** LiteGen writes flat prices as numbers; both forms are exact, as a number stands for its shortest decimal form. */
export const price = z.union([z.number().nonnegative('a price cannot be negative'), decimal]);
