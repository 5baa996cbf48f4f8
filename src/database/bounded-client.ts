import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import type { Client, ClientConfig } from 'pg';
import { DatabaseTimeout } from './unavailable.js';

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
      const send = this.query.bind(this) as Send;
      const bounded: Send = (...values) => this.bound(send(...values));
      this.query = bounded as typeof this.query;
    }

    private bound(answer: unknown): unknown {
      const limitMs = this.answerTimeoutMs;
      if (limitMs === 0 || !(answer instanceof Promise)) return answer;
      const timer = setTimeout(() => streamOf(this).destroy(new DatabaseTimeout(limitMs)), limitMs);
      const stop = (): void => clearTimeout(timer);
      answer.then(stop, stop);
      return answer;
    }
  };
}

function streamOf(client: Client): Duplex {
  return (client as Client & { readonly connection: { readonly stream: Duplex } }).connection.stream;
}
