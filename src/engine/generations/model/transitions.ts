/** What each status means, in the order in which a generation usually passes through them. */
export const STATUSES = {
  queued: 'Nobody has called the vendor.',
  dispatching: 'A replica is calling the vendor, or died doing so.',
  running: 'The vendor works on it.',
  ingesting: 'The vendor is done, and its files are being fetched.',
  completed: 'It has its outputs.',
  failed: 'It has an error.',
  cancelled: 'It was cancelled before it had a result.',
} as const satisfies Readonly<Record<string, string>>;

export type GenerationStatus = keyof typeof STATUSES;

interface Transition {
  /** `new`: the row is written with this transition. */
  readonly from: readonly (GenerationStatus | 'new')[];
  readonly to: GenerationStatus;
  readonly when: string;
}

/**
 * Every change of a generation's status, by the name of the event. The conditions in SQL and the diagram in docs/develop/architecture.md are made
 * from this; a write that keeps the status, such as handing back a lease, is no transition.
 */
export const TRANSITIONS = {
  enqueue: { from: ['new'], to: 'queued', when: 'Admitted; it waits for room, for its turn, or for the result of another generation.' },
  start: { from: ['new'], to: 'dispatching', when: 'Admitted; the process that admitted it calls the vendor at once.' },
  reuse: { from: ['new'], to: 'completed', when: 'The cache has its result.' },
  begin: { from: ['queued'], to: 'dispatching', when: 'Its next attempt begins.' },
  share: { from: ['queued'], to: 'completed', when: 'The generation whose result it waits for has completed.' },
  retry: { from: ['dispatching'], to: 'queued', when: 'The attempt failed in a way that allows another one.' },
  accept: { from: ['dispatching'], to: 'running', when: 'The vendor has accepted the job.' },
  ingest: { from: ['dispatching', 'running'], to: 'ingesting', when: 'The vendor has finished, and the links to its files are recorded.' },
  resubmit: {
    from: ['ingesting'],
    to: 'dispatching',
    when: 'The links to its files could not be recorded; the same attempt is sent again.',
  },
  resume: { from: ['ingesting'], to: 'running', when: 'Asked for the files once more, the vendor says that the job still runs.' },
  complete: { from: ['dispatching', 'running', 'ingesting'], to: 'completed', when: 'Its outputs are stored.' },
  fail: {
    from: ['queued', 'dispatching', 'running', 'ingesting'],
    to: 'failed',
    when: 'The vendor refused or failed, the deadline passed, or a budget has nothing left.',
  },
  cancel: {
    from: ['queued', 'dispatching', 'running', 'ingesting'],
    to: 'cancelled',
    when: 'The vendor confirmed a cancellation, or was never called.',
  },
} as const satisfies Readonly<Record<string, Transition>>;

export type TransitionEvent = keyof typeof TRANSITIONS;
type AnyTransition = (typeof TRANSITIONS)[TransitionEvent];
export type ActiveStatus = Exclude<AnyTransition['from'][number], 'new'>;
export type TerminalStatus = Exclude<GenerationStatus, ActiveStatus>;

/** Where an attempt stands while its generation has the status that it leads to; it passes through the same transitions. */
export const STATE_OF = {
  queued: 'queued',
  dispatching: 'sent',
  running: 'accepted',
  ingesting: 'fetching',
} as const satisfies Readonly<Record<ActiveStatus, string>>;

export type ActiveState = (typeof STATE_OF)[ActiveStatus];

const ALL_STATUSES = Object.keys(STATUSES) as GenerationStatus[];
const ALL_TRANSITIONS: readonly Transition[] = Object.values(TRANSITIONS);

/** From which statuses a generation may come to this one. */
export function sourcesOf(target: GenerationStatus): readonly ActiveStatus[] {
  const from = new Set(ALL_TRANSITIONS.filter(({ to }) => to === target).flatMap((transition) => transition.from));
  return ACTIVE_STATUSES.filter((status) => from.has(status));
}

/** Those that something follows. The order is that of partial indices, whose conditions SQLite compares word by word. */
export const ACTIVE_STATUSES: readonly ActiveStatus[] = ALL_STATUSES.filter((status): status is ActiveStatus =>
  ALL_TRANSITIONS.some(({ from }) => from.includes(status)),
);
export const TERMINAL_STATUSES: readonly TerminalStatus[] = ALL_STATUSES.filter(isTerminal);

export function isTerminal(status: GenerationStatus): status is TerminalStatus {
  return !(ACTIVE_STATUSES as readonly GenerationStatus[]).includes(status);
}

const STATUS_OF = Object.fromEntries(Object.entries(STATE_OF).map(([status, state]) => [state, status])) as Readonly<
  Record<ActiveState, ActiveStatus>
>;

/** The status of a generation whose furthest attempt is in this state. */
export function statusOf(state: ActiveState): ActiveStatus {
  return STATUS_OF[state];
}

export function isActiveState(state: string): state is ActiveState {
  return state in STATUS_OF;
}
