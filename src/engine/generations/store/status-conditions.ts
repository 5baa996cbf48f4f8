import {
  ACTIVE_STATUSES,
  type ActiveState,
  type ActiveStatus,
  type GenerationStatus,
  STATE_OF,
  sourcesOf,
  TERMINAL_STATUSES,
  TRANSITIONS,
  type TransitionEvent,
} from '../model/transitions.js';

type LaterEvent = Exclude<TransitionEvent, 'enqueue' | 'start' | 'reuse'>;

/** Conditions on `generations.status` and `attempts.state`, each put together once: the statements around them stay the same texts. */
export function statusIs(...statuses: readonly GenerationStatus[]): string {
  return isAmong('status', statuses);
}

export function stateIs(...states: readonly ActiveState[]): string {
  return isAmong('state', states);
}

/** Whether this event may be written to a generation. */
export function statusAllows(event: LaterEvent): string {
  return statusIs(...TRANSITIONS[event].from);
}

/** Whether this event may be written to an attempt. */
export function stateAllows(event: LaterEvent): string {
  return stateIs(...statesOf(TRANSITIONS[event].from));
}

/** As {@link statusAllows}, where each row names its next status in a column. */
export function statusMayBecome(column: string, targets: readonly GenerationStatus[]): string {
  return mayBecome(targets.map((target) => ({ to: isAmong(column, [target]), from: statusIs(...sourcesOf(target)) })));
}

/** As {@link stateAllows}, where each row names its next state in a column, which may be the one that it has. */
export function stateMayBecome(column: string, targets: readonly ActiveStatus[]): string {
  return mayBecome(
    targets.map((target) => ({
      to: isAmong(column, [STATE_OF[target]]),
      from: stateIs(...new Set(statesOf([...sourcesOf(target), target]))),
    })),
  );
}

export const IS_ACTIVE = statusIs(...ACTIVE_STATUSES);
export const HAS_ENDED = statusIs(...TERMINAL_STATUSES);
const ACTIVE_STATES = statesOf(ACTIVE_STATUSES);
/** Of an attempt. */
export const IS_OPEN = stateIs(...ACTIVE_STATES);

/** What follows for the status of a row of `generations` from the states of its attempts. */
export const STATUS_OF_ATTEMPTS = `COALESCE((SELECT CASE MAX(CASE state ${ACTIVE_STATES.map((state, rank) => `WHEN '${state}' THEN ${rank}`).join(' ')} END)
  ${ACTIVE_STATUSES.map((status, rank) => `WHEN ${rank} THEN '${status}'`).join(' ')} END
  FROM attempts WHERE attempts.generation_id = generations.id AND ${IS_OPEN}), status)`;

function statesOf(statuses: readonly ActiveStatus[]): ActiveState[] {
  return statuses.map((status) => STATE_OF[status]);
}

function mayBecome(ways: readonly { readonly to: string; readonly from: string }[]): string {
  const byCondition = new Map<string, string[]>();
  for (const { to, from } of ways) byCondition.set(from, [...(byCondition.get(from) ?? []), to]);
  return `(${[...byCondition].map(([from, to]) => `((${to.join(' OR ')}) AND ${from})`).join(' OR ')})`;
}

/** One value is compared, not listed: so partial indices match that are made for it. */
function isAmong(column: string, values: readonly string[]): string {
  const [first, ...others] = values.map((value) => `'${value}'`);
  if (first === undefined) throw new Error(`A condition on ${column} names no value`);
  return others.length === 0 ? `${column} = ${first}` : `${column} IN (${[first, ...others].join(', ')})`;
}
