import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import type { Client, ClientConfig } from 'pg';
import { DatabaseTimeout } from './unavailable.js';

/** After a failover the server at the other end may have become a standby; the next connection finds the primary. */
const READ_ONLY = '25006';

type Pg = typeof import('pg');
type Send = (...values: unknown[]) => unknown;

/** What the server answers to a COMMIT when a statement of the transaction had failed: no error, and nothing is committed. */
const ROLLED_BACK = 'ROLLBACK';
const COMMIT = /^\s*(commit|end)\b/i;

/** A connection whose statements have a time limit. */
export interface BoundedClient extends Client {
  /** Milliseconds; 0: none, for what may rightly take long. */
  answerTimeoutMs: number;
}

/** Loaded when the database is a Postgres. */
export function loadPg(): Pg {
  return createRequire(import.meta.url)('pg') as Pg;
}

/** A transaction went on although one of its statements had failed. */
export class RolledBackInstead extends Error {
  constructor(cause: unknown) {
    super('The transaction was rolled back instead of committed, because a statement in it had failed', { cause });
    this.name = 'RolledBackInstead';
  }
}

/** So that nobody uses it again; the pool forgets it. */
export function breakConnection(client: Client): void {
  streamOf(client).destroy();
}

/**
 * Clients that break their connection when a statement is not answered in time. The driver's own `query_timeout` leaves the connection
 * open, with the statement still under way in a transaction that the pool's next user would go on with, and commit.
 */
export function boundedClient(timeoutMs: number): new (config?: string | ClientConfig) => BoundedClient {
  return class extends loadPg().Client implements BoundedClient {
    answerTimeoutMs = timeoutMs;
    private lastError: unknown;

    constructor(config?: string | ClientConfig) {
      super(config);
      // Its statements fail, and so does the next use. But there is a moment between the pool's ear and the ORM's, and an error that nobody
      // hears ends the process.
      this.on('error', () => undefined);
      const send = this.query.bind(this) as Send;
      const bounded: Send = (...values) => this.bound(values[0], send(...values));
      this.query = bounded as typeof this.query;
    }

    private bound(statement: unknown, answer: unknown): unknown {
      if (!(answer instanceof Promise)) return answer;
      const limitMs = this.answerTimeoutMs;
      const timer = limitMs === 0 ? undefined : setTimeout(() => streamOf(this).destroy(new DatabaseTimeout(limitMs)), limitMs);
      return answer.then(
        (result: { readonly command?: unknown } | undefined) => {
          clearTimeout(timer);
          if (result?.command === ROLLED_BACK && typeof statement === 'string' && COMMIT.test(statement)) {
            throw new RolledBackInstead(this.lastError);
          }
          return result;
        },
        (error: { readonly code?: unknown }) => {
          clearTimeout(timer);
          this.lastError = error;
          if (error.code === READ_ONLY) breakConnection(this);
          throw error;
        },
      );
    }
  };
}

function streamOf(client: Client): Duplex {
  return (client as Client & { readonly connection: { readonly stream: Duplex } }).connection.stream;
}
