/** Integer millionths of a US dollar. Safe as a number up to about nine billion dollars. */
export type Micros = number;

const MICROS_PER_USD = 1_000_000;

/** For wire fields that LiteGen's contract defines as a number of US dollars. */
export function microsToUsd(micros: Micros): number {
  return micros / MICROS_PER_USD;
}

/** `0.053` for 53000; without trailing zeros. */
export function formatUsd(micros: Micros): string {
  const sign = micros < 0 ? '-' : '';
  const absolute = Math.abs(micros);
  const fraction = String(absolute % MICROS_PER_USD)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${sign}${Math.floor(absolute / MICROS_PER_USD)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Reads a caller's number of US dollars. Rounds to the nearest micro-dollar. */
export function usdToMicros(usd: number): Micros {
  return Math.round(usd * MICROS_PER_USD);
}

/** LiteGen's `tokens`: a thousandth of a dollar each, rounded up. */
export function microsToTokens(micros: Micros): number {
  return Math.ceil(micros / 1000);
}

/** An exact non-negative number. Prices and quantities stay fractions until the one rounding at the end. */
export class Fraction {
  static readonly ZERO = new Fraction(0n, 1n);

  private constructor(
    private readonly numerator: bigint,
    private readonly denominator: bigint,
  ) {}

  static of(value: number | bigint): Fraction {
    return typeof value === 'bigint' ? new Fraction(value, 1n) : Fraction.parse(String(value));
  }

  /**
   * Reads a decimal such as `0.053`, `12` or `1e-7`. A number is read as the shortest decimal that stands for it, which is what its author wrote.
   * @throws RangeError for anything else, also for negative numbers.
   */
  static parse(text: string): Fraction {
    const match = /^(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text);
    if (match === null) throw new RangeError(`not a decimal: ${text.slice(0, 80)}`);
    const [, whole = '', fraction = '', exponent = '0'] = match;
    const power = Number(exponent) - fraction.length;
    const digits = BigInt(whole + fraction);
    return power >= 0 ? new Fraction(digits * 10n ** BigInt(power), 1n) : new Fraction(digits, 10n ** BigInt(-power));
  }

  plus(other: Fraction): Fraction {
    return new Fraction(this.numerator * other.denominator + other.numerator * this.denominator, this.denominator * other.denominator);
  }

  times(other: Fraction): Fraction {
    return new Fraction(this.numerator * other.numerator, this.denominator * other.denominator);
  }

  /** @param divisor at least 1 */
  dividedBy(divisor: number): Fraction {
    return new Fraction(this.numerator, this.denominator * BigInt(divisor));
  }

  /** The next whole number, or the number itself. */
  ceiling(): Fraction {
    return new Fraction((this.numerator + this.denominator - 1n) / this.denominator, 1n);
  }

  isZero(): boolean {
    return this.numerator === 0n;
  }

  compare(other: Fraction): number {
    const difference = this.numerator * other.denominator - other.numerator * this.denominator;
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  /** US dollars as micro-dollars, half a micro-dollar rounded up. */
  toMicros(): number {
    return Number((2n * this.numerator * BigInt(MICROS_PER_USD) + this.denominator) / (2n * this.denominator));
  }

  /** Decimal notation, exact up to twelve decimals and cut off behind them. */
  toString(): string {
    const scaled = (this.numerator * 10n ** 12n) / this.denominator;
    const digits = String(scaled).padStart(13, '0');
    const fraction = digits.slice(-12).replace(/0+$/, '');
    return `${digits.slice(0, -12)}${fraction === '' ? '' : `.${fraction}`}`;
  }
}
