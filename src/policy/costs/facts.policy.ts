import type { PriceUnit, Pricing } from '../../domain/catalog/index.js';
import type { PricedRequest } from './costs.types.js';
import { fieldValue } from './quantities.policy.js';

/** What of a request its price depended on, by the names that conditions use; null for what has no value. */
export type PriceFacts = Readonly<Record<string, string | number | boolean | null>>;

/** What quantities are computed from. */
const FACTS_OF_UNITS: Partial<Record<PriceUnit, readonly string[]>> = {
  second: ['duration_seconds'],
  megapixel: ['size', 'inputs'],
  input_megapixel: ['inputs'],
  input_image_token: ['inputs'],
};

export function priceFactsOf(request: PricedRequest, { components, estimates }: Pricing): PriceFacts {
  const priced = [...components, ...estimates];
  const names = new Set([
    'operation',
    'n',
    ...priced.flatMap(({ unit, when }) => [...(FACTS_OF_UNITS[unit] ?? []), ...Object.keys(when ?? {})]),
  ]);
  if (estimates.some(({ per_input }) => per_input)) names.add('inputs');
  return Object.fromEntries([...names].map((name) => [name, factOf(name, request)]));
}

/** The first fact of a quote that is another one now. */
export function differingFact(quoted: PriceFacts, request: PricedRequest): { name: string; quoted: unknown; now: unknown } | undefined {
  for (const [name, before] of Object.entries(quoted)) {
    const now = factOf(name, request);
    if (now !== before) return { name, quoted: before, now };
  }
  return undefined;
}

/** With references, a size that is not asked for is the vendor's choice rather than the default. */
function factOf(name: string, request: PricedRequest): string | number | boolean | null {
  const { inputRoles, params } = request;
  if (name === 'size' && inputRoles.length > 0 && (params.size === undefined || params.size === null)) return null;
  return fieldValue(name, request) ?? null;
}
