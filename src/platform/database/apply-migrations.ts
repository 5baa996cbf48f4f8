import { setTimeout as delay } from 'node:timers/promises';
import { type DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';
import { StartRefusal } from '../common/index.js';
import type { BoundedClient } from './bounded-client.js';
import { sqlState } from './unavailable.js';

/** Any number, the same in every release: Postgres's advisory locks have no names. */
const LOCK = 7_226_431_907;

/** So long a statement of a migration waits for a table; meanwhile all who come later wait behind it. */
const TABLE_WAIT_MS = 3_000;
const PAUSE_MS = 500;
/** How often a wait, and a migration that takes its time, is told again. */
const TELL_EVERY_MS = 15_000;

const LOCK_NOT_AVAILABLE = '55P03';

export interface MigrationTurn {
  /** How long this process waits for its turn and for tables that others use. Exceeding it is a {@link StartRefusal}. */
  readonly waitSeconds: number;
  /** What is waited for, or takes its time: a line for whoever looks on. */
  readonly tell: (line: string) => void;
}

/** Brings the schema up to date; processes that start together take turns. @returns the names of what was applied */
export function applyMigrations(source: DataSource, turn: MigrationTurn): Promise<string[]> {
  return inTurn(source, turn, async (executor) => (await executor.executePendingMigrations()).map(({ name }) => name));
}

/** Undoes the last migration. @returns its name, if there is one */
export function revertMigration(source: DataSource, turn: MigrationTurn): Promise<string | undefined> {
  return inTurn(source, turn, async (executor) => {
    const [last] = await executor.getExecutedMigrations();
    await executor.undoLastMigration();
    return last?.name;
  });
}

type Work<T> = (executor: MigrationExecutor) => Promise<T>;
type Attempt<T> = { readonly result: T } | { readonly waitsFor: string };

async function inTurn<T>(source: DataSource, turn: MigrationTurn, work: Work<T>): Promise<T> {
  const runner = source.createQueryRunner();
  const executor = new MigrationExecutor(source, runner);
  try {
    if (source.options.type !== 'postgres') {
      executor.transaction = 'each';
      return await work(executor);
    }
    executor.transaction = 'all';
    return await waiting(turn, () => attempt(runner, turn, () => work(executor)));
  } finally {
    await runner.release();
  }
}

/** Tries until it is this process's turn, with a line when that is not at once and now and then, up to the limit. */
async function waiting<T>(turn: MigrationTurn, tryOnce: () => Promise<Attempt<T>>): Promise<T> {
  const began = performance.now();
  let told = Number.NEGATIVE_INFINITY;
  for (;;) {
    const tried = await tryOnce();
    if ('result' in tried) return tried.result;
    const waitedMs = performance.now() - began;
    const waitedSeconds = Math.round(waitedMs / 1000);
    if (waitedMs >= turn.waitSeconds * 1000) {
      throw new StartRefusal(
        `The schema could not be brought up to date within ${turn.waitSeconds} seconds (database.migration_wait_seconds): ${tried.waitsFor}.`,
      );
    }
    if (waitedMs - told >= TELL_EVERY_MS) {
      told = waitedMs;
      turn.tell(
        `Waiting to bring the schema up to date, ${waitedSeconds} of at most ${turn.waitSeconds} seconds so far: ${tried.waitsFor}.`,
      );
    }
    await delay(PAUSE_MS);
  }
}

/**
 * One transaction holds the lock and all that is done under it. A lock of the session would need every statement to meet the same session,
 * which a pooler such as PgBouncer does not promise: there it stays behind in one that others get next.
 */
async function attempt<T>(runner: QueryRunner, { tell }: MigrationTurn, work: () => Promise<T>): Promise<Attempt<T>> {
  const client = (await runner.connect()) as BoundedClient;
  const timeoutMs = client.answerTimeoutMs;
  await runner.startTransaction();
  try {
    const [lock] = (await runner.query(`SELECT pg_try_advisory_xact_lock(${LOCK}) AS mine`)) as { mine: boolean }[];
    if (lock?.mine !== true) {
      const waitsFor = await holders(runner);
      await runner.rollbackTransaction();
      return { waitsFor };
    }
    await runner.query(`SET LOCAL lock_timeout = ${TABLE_WAIT_MS}`);
    // Building an index takes the time that it takes.
    client.answerTimeoutMs = 0;
    const result = await telling(tell, work);
    await runner.commitTransaction();
    return { result };
  } catch (error) {
    await runner.rollbackTransaction().catch(() => undefined);
    const state = sqlState(error);
    if (state === LOCK_NOT_AVAILABLE) return { waitsFor: `another connection uses a table that a migration changes (${firstLine(error)})` };
    throw error;
  } finally {
    client.answerTimeoutMs = timeoutMs;
  }
}

async function telling<T>(tell: (line: string) => void, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const timer = setInterval(
    () => tell(`Still bringing the schema up to date, for ${Math.round((performance.now() - began) / 1000)} seconds.`),
    TELL_EVERY_MS,
  );
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

interface Holder {
  readonly pid: number;
  readonly address: string | null;
  readonly application: string | null;
  readonly state: string | null;
  readonly seconds: number | null;
}

/** Who has the lock, so that whoever waits for a session that nobody uses any more can end it. */
async function holders(runner: QueryRunner): Promise<string> {
  const found = (await runner.query(
    `SELECT a.pid, host(a.client_addr) AS address, a.application_name AS application, a.state,
            round(extract(epoch FROM clock_timestamp() - a.state_change))::int AS seconds
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (l.classid::bigint << 32) + l.objid::bigint = ${LOCK}`,
  )) as Holder[];
  const [holder] = found;
  if (holder === undefined) return 'another process is doing so';
  const who = [`backend ${holder.pid} of Postgres`, holder.application, holder.address && `from ${holder.address}`]
    .filter(Boolean)
    .join(' ');
  const left =
    holder.state === 'idle' ? `; if no process is being started, it was left behind: SELECT pg_terminate_backend(${holder.pid})` : '';
  return `${who}, ${holder.state ?? 'of another role'}${holder.seconds === null ? '' : ` for ${holder.seconds} s`}, has the lock for that (pg_advisory_lock ${LOCK})${left}`;
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
}
