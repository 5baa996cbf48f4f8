import { Transform } from 'class-transformer';
import { buildMessage, IsOptional, MaxLength, ValidateBy, ValidateIf } from '../../validation/index.js';
import { parseTime, WRITTEN_TIME } from '../time.js';

/** Longest names and ids that callers may look for; nothing has a longer one. */
export const LONGEST_NAME = 300;

/** The field may be absent. Null is a value like any other here, and so is refused. */
export function IsUndefinable(): PropertyDecorator {
  return ValidateIf((_body: object, value: unknown) => value !== undefined);
}

/** The field may be absent, and null says something of its own that its description tells. */
export function IsNullable(): PropertyDecorator {
  return IsOptional();
}

/** What {@link IsTime} takes, for the OpenAPI document. */
export const TIME_OR_DAY = {
  anyOf: [
    { type: 'string', format: 'date-time' },
    { type: 'string', format: 'date' },
  ],
  example: '2026-11-20',
};

/** A day or a time as {@link parseTime} reads it. */
export function IsTime(): PropertyDecorator {
  return ValidateBy({
    name: 'isTime',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && parseTime(value) !== undefined,
      defaultMessage: buildMessage((prefix) => `${prefix}$property must be ${WRITTEN_TIME}`),
    },
  });
}

/** For names that lists are narrowed by. */
export function IsName(): PropertyDecorator {
  return MaxLength(LONGEST_NAME);
}

/** Turns a query's text into the whole number that it spells in decimal digits; anything else is left for the validator to refuse. */
export function WholeNumber(inside: (number: number) => number = (number) => number): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^-?\d+$/.test(value) ? inside(Number(value)) : value));
}
