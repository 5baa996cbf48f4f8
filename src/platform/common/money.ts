/** Integer millionths of a US dollar. Safe as a number up to about nine billion dollars. */
export type Micros = number;

export const MICROS_PER_USD = 1_000_000;

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
