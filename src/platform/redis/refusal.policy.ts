/** Why a Redis that answers does not do what it is asked. */
export interface Refusal {
  /** Goes on from "Redis …". */
  readonly text: string;
  /** Whether another connection may lead to a server that does: after a failover, the name stands for another one. */
  readonly isElsewhere: boolean;
}

const CLUSTER =
  'belongs to a Redis Cluster, which is not supported: redis.url must name one primary, or a proxy that stands for the cluster';

/** By the first word of its error. Within a script, Redis before 7 puts a `-` and words of its own before it. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  READONLY: { text: 'is a replica, which takes no writes: after a failover, redis.url must lead to the new primary', isElsewhere: true },
  MASTERDOWN: { text: 'is a replica that has lost its primary', isElsewhere: true },
  MOVED: { text: CLUSTER, isElsewhere: false },
  ASK: { text: CLUSTER, isElsewhere: false },
  CROSSSLOT: { text: CLUSTER, isElsewhere: false },
  CLUSTERDOWN: { text: CLUSTER, isElsewhere: false },
  OOM: { text: 'is full: it has reached its maxmemory, and its maxmemory-policy lets it remove nothing', isElsewhere: false },
  NOREPLICAS: { text: 'has fewer replicas than its min-replicas-to-write and refuses writes', isElsewhere: false },
  MISCONF: { text: 'cannot save its data to its disk and refuses writes', isElsewhere: false },
  LOADING: { text: 'has just started and is loading its data', isElsewhere: false },
  BUSY: { text: 'is busy with a script', isElsewhere: false },
  NOAUTH: { text: 'wants a password, and redis.url has none', isElsewhere: false },
  WRONGPASS: { text: 'refuses the user or the password in redis.url', isElsewhere: false },
  NOPERM: { text: 'does not permit the user in redis.url what is needed (EVALSHA, EVAL, GET, SET, DEL, TIME)', isElsewhere: false },
};

const WORD = new RegExp(`(?:^|-)(${Object.keys(REFUSALS).join('|')})\\b`);

export const CLUSTER_REFUSAL = `Redis ${CLUSTER}.`;

/** Undefined when the error is none that a Redis gives for its own state. */
export function refusalOf(thrown: unknown): Refusal | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const word = WORD.exec(thrown.message)?.[1];
  if (word !== undefined) return REFUSALS[word];
  return thrown.cause === thrown ? undefined : refusalOf(thrown.cause);
}
