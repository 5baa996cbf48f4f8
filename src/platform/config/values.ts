import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/** As people write numbers. Nothing of what JavaScript also takes for one: `0x10`, `true`, an empty text. */
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)$/;

function toNumber(value: unknown): unknown {
  return typeof value === 'string' && DECIMAL.test(value.trim()) ? Number(value) : value;
}

/** A number of the file, or the digits of a variable. */
export function number<S extends z.ZodNumber>(schema: S) {
  return z.preprocess(toNumber, schema);
}

/** A list, or one text with commas between its entries, as variables have it. */
export function listOf<S extends z.ZodType>(entry: S) {
  const split = (value: unknown): unknown => {
    if (typeof value === 'number') return [value];
    // What begins like JSON and is none is no list of words.
    if (typeof value !== 'string' || /^\s*[[{]/.test(value)) return value;
    return value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean);
  };
  return z.preprocess(split, z.array(entry));
}

const FLAGS: Readonly<Record<string, boolean>> = { true: true, false: false, '1': true, '0': false };

/** `true` and `false`, also as the texts of variables, and as 1 and 0. */
export const flag = z.preprocess(
  (value) => (typeof value === 'string' || typeof value === 'number' ? (FLAGS[String(value).trim().toLowerCase()] ?? value) : value),
  z.boolean(),
);

/** An address or a network: `10.0.0.0/8`, `fd00::7`. */
export const network = z.string().refine((text) => (ipaddr.isValid(text) && !/^\d+$/.test(text)) || ipaddr.isValidCIDR(text), {
  error: 'expected an address or a network such as 10.0.0.0/8',
});
