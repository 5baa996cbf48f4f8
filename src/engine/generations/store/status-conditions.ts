import {
  ACTIVE_STATUSES,
  type GenerationStatus,
  sourcesOf,
  TERMINAL_STATUSES,
  TRANSITIONS,
  type TransitionEvent,
} from '../model/transitions.js';

/** Conditions on `generations.status`, each put together once: the statements around them stay the same texts. */
export function statusIs(...statuses: readonly GenerationStatus[]): string {
  return isAmong('status', statuses);
}

/** Whether this event may be written. */
export function statusAllows(event: Exclude<TransitionEvent, 'enqueue' | 'start' | 'reuse'>): string {
  return statusIs(...TRANSITIONS[event].from);
}

/** The same where each row names its next status in a column. @param keeping whether it may also stay as it is */
export function statusMayBecome(column: string, targets: readonly GenerationStatus[], keeping = false): string {
  const byCondition = new Map<string, GenerationStatus[]>();
  for (const target of targets) {
    const sources = new Set<GenerationStatus>(sourcesOf(target));
    if (keeping) sources.add(target);
    const condition = statusIs(...sources);
    byCondition.set(condition, [...(byCondition.get(condition) ?? []), target]);
  }
  const ways = [...byCondition].map(([condition, to]) => `(${isAmong(column, to)} AND ${condition})`);
  return `(${ways.join(' OR ')})`;
}

export const IS_ACTIVE = statusIs(...ACTIVE_STATUSES);
export const HAS_ENDED = statusIs(...TERMINAL_STATUSES);

/** One value is compared, not listed: so partial indices match that are made for it. */
function isAmong(column: string, statuses: readonly GenerationStatus[]): string {
  const [first, ...others] = statuses.map((status) => `'${status}'`);
  if (first === undefined) throw new Error(`A condition on ${column} names no status`);
  return others.length === 0 ? `${column} = ${first}` : `${column} IN (${[first, ...others].join(', ')})`;
}
