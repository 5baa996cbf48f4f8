import { type CallWarning, type Charged, type Finished, PROVIDER_ERROR_CODES, type Withheld } from '@litegen/plugin-sdk';

/** What of a vendor's answer counts, and what the caller is told of the rest. */
export interface AcceptedFinish {
  readonly finished: Finished;
  readonly warnings: readonly CallWarning[];
}

/**
 * Bounds an answer by what was asked for: a plugin that hands over more outputs is neither stored nor paid beyond that. What is missing
 * is told, with the vendor's reasons as far as it gave any.
 * @param wanted at least 1
 */
export function acceptFinished(finished: Finished, wanted: number): AcceptedFinish {
  const { outputs, usage } = finished;
  const warnings: CallWarning[] = [];
  const tell = (message: string): void => void warnings.push({ param: 'n', action: 'dropped', message });
  if (outputs.length > wanted) {
    tell(`The vendor delivered ${outputs.length} outputs; ${wanted} asked for, and only so many are kept and charged.`);
  }
  const kept = outputs.slice(0, wanted);
  const withheld = boundedBy(finished.withheld, wanted - kept.length);
  if (kept.length > 0) for (const [reason, count] of reasonsOf(withheld)) tell(`${count} of ${wanted} outputs withheld: ${reason}`);
  const unexplained = wanted - kept.length - sum(withheld);
  if (kept.length > 0 && unexplained > 0) tell(`The vendor delivered ${kept.length} of ${wanted} outputs.`);
  const images = typeof usage?.images === 'number' ? Math.min(usage.images, wanted) : undefined;
  return {
    finished: { ...finished, outputs: kept, withheld, ...(images === undefined ? {} : { usage: { ...usage, images } }) },
    warnings,
  };
}

/** Of outputs that did not come, those that the vendor bills all the same. Where neither the plugin nor the model's rules tell, it bills none. */
export function billedOf(withheld: readonly Withheld[], judge: (withheld: Withheld) => Charged): number {
  return sum(withheld.filter((one) => judge(one) === 'yes'));
}

/** The reason for which nothing came: the weightiest of several. */
export function mainReason(withheld: readonly Withheld[]): Withheld | undefined {
  return (
    withheld.find(({ code }) => code === 'content_rejected') ?? withheld.find(({ code }) => code !== 'invalid_response') ?? withheld[0]
  );
}

/** What a plugin says beside its outputs never costs them, whatever it is. */
function boundedBy(withheld: unknown, room: number): Withheld[] {
  let left = room;
  return (Array.isArray(withheld) ? (withheld as unknown[]) : []).filter(isWithheld).flatMap((one) => {
    const count = Math.min(left, Number.isSafeInteger(one.count) ? Math.max(one.count, 0) : 0);
    left -= count;
    return count > 0 ? [{ ...one, count }] : [];
  });
}

function isWithheld(value: unknown): value is Withheld {
  return typeof value === 'object' && value !== null && PROVIDER_ERROR_CODES.some((code) => code === (value as Partial<Withheld>).code);
}

function reasonsOf(withheld: readonly Withheld[]): ReadonlyMap<string, number> {
  const reasons = new Map<string, number>();
  for (const { code, message, count } of withheld) {
    const reason = message ?? code;
    reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  }
  return reasons;
}

function sum(withheld: readonly Withheld[]): number {
  return withheld.reduce((total, { count }) => total + count, 0);
}
