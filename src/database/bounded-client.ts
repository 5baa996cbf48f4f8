import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import type { Client, ClientConfig } from 'pg';
import { DatabaseTimeout } from './unavailable.js';

/** After a failover the server at the other end may have become a standby; the next connection finds the primary. */
const READ_ONLY = '25006';

type Pg = typeof import('pg');
type Send = (...values: unknown[]) => unknown;

/** A connection whose statements have a time limit. */
export interface BoundedClient extends Client {
  /** Milliseconds; 0: none, for what may rightly take long. */
  answerTimeoutMs: number;
}

/** Loaded when the database is a Postgres. */
export function loadPg(): Pg {
  return createRequire(import.meta.url)('pg') as Pg;
}

/**
 * Clients that break their connection when a statement is not answered in time. The driver's own `query_timeout` leaves the connection
 * open, with the statement still under way in a transaction that the pool's next user would go on with, and commit.
 */
export function boundedClient(timeoutMs: number): new (config?: string | ClientConfig) => BoundedClient {
  return class extends loadPg().Client implements BoundedClient {
    answerTimeoutMs = timeoutMs;

    constructor(config?: string | ClientConfig) {
      super(config);
      // Its statements fail, and so does the next use. But there is a moment between the pool's ear and the ORM's, and an error that nobody
      // hears ends the process.
      this.on('error', () => undefined);
      const send = this.query.bind(this) as Send;
      const bounded: Send = (...values) => this.bound(send(...values));
      this.query = bounded as typeof this.query;
    }

    private bound(answer: unknown): unknown {
      if (!(answer instanceof Promise)) return answer;
      const limitMs = this.answerTimeoutMs;
      const timer = limitMs === 0 ? undefined : setTimeout(() => streamOf(this).destroy(new DatabaseTimeout(limitMs)), limitMs);
      answer.then(
        () => clearTimeout(timer),
        (error: { readonly code?: unknown }) => {
          clearTimeout(timer);
          if (error.code === READ_ONLY) streamOf(this).destroy();
        },
      );
      return answer;
    }
  };
}

function streamOf(client: Client): Duplex {
  return (client as Client & { readonly connection: { readonly stream: Duplex } }).connection.stream;
}
