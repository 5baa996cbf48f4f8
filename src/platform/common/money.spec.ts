import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fraction } from './money.js';

describe('Fraction', () => {
  it.each([
    ['0', 0, '0'],
    ['0.1', 100_000, '0.1'],
    ['12', 12_000_000, '12'],
    ['0.0000005', 1, '0.0000005'],
    ['0.0000004999', 0, '0.0000004999'],
    ['1e-6', 1, '0.000001'],
    ['2.5E+1', 25_000_000, '25'],
    ['007.50', 7_500_000, '7.5'],
  ])('%s is %i micro-dollars', (text, micros, shown) => {
    expect(Fraction.parse(text).toMicros()).toBe(micros);
    expect(Fraction.parse(text).toString()).toBe(shown);
  });

  it.each(['', '-1', '.5', '1.', '0x10', 'NaN', 'Infinity', '1e999', '1,5', ' 1'])('does not take %j', (text) => {
    expect(() => Fraction.parse(text)).toThrow(RangeError);
  });

  it('does not drift: ten tenths are one', () => {
    const tenth = Fraction.of(0.1);
    const sum = Array.from({ length: 10 }).reduce<Fraction>((total) => total.plus(tenth), Fraction.ZERO);
    expect(sum.compare(Fraction.of(1))).toBe(0);
    expect(sum.toString()).toBe('1');
  });

  it('divides exactly: three thirds are one', () => {
    const third = Fraction.of(1).dividedBy(3);
    expect(third.plus(third).plus(third).compare(Fraction.of(1))).toBe(0);
    expect(third.toString()).toBe('0.333333333333');
  });

  it.each([
    [0, '0'],
    [1, '1'],
    [1.048576, '2'],
    [2.000001, '3'],
  ])('rounds %d up to %s', (value, expected) => {
    expect(Fraction.of(value).ceiling().toString()).toBe(expected);
  });

  it('agrees with integers of micro-dollars', () => {
    const micros = fc.integer({ min: 0, max: 10 ** 9 });
    fc.assert(
      fc.property(micros, micros, fc.integer({ min: 1, max: 1000 }), (a, b, count) => {
        const usd = (value: number) => Fraction.of(value).dividedBy(1_000_000);
        expect(usd(a).plus(usd(b)).toMicros()).toBe(a + b);
        expect(usd(a).times(Fraction.of(count)).toMicros()).toBe(a * count);
        expect(Math.sign(usd(a).compare(usd(b)))).toBe(Math.sign(a - b));
      }),
    );
  });
});
