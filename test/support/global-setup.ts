import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { hasPgBouncer, PgBouncer } from './pgbouncer.js';
import { PostgresServer } from './postgres-server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * `url`: an administrator's connection. `pooledUrl`: the same by way of PgBouncer; null: without one. `startUrl`: a POST there answers
     * 204 once they run.
     */
    postgres: { url: string; pooledUrl: string | null; startUrl: string };
  }
}

/**
 * Offers every test file one Postgres for the run, which starts when the first one asks: a run of unit tests pays nothing.
 * With `TEST_PGBOUNCER=1` the tests reach it through a PgBouncer in transaction mode.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const external = process.env.TEST_DATABASE_URL;
  const postgres = external ? undefined : await PostgresServer.prepare();
  const url = external || (postgres?.url ?? '');
  const pooler = process.env.TEST_PGBOUNCER === '1' ? await preparePooler(url) : undefined;
  let started: Promise<void> | undefined;
  const start = async (): Promise<void> => {
    await postgres?.start();
    await pooler?.start();
  };
  const server = createServer((_request, response) => {
    started ??= start();
    started.then(
      () => response.writeHead(204).end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const startUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  project.provide('postgres', { url, pooledUrl: pooler?.urlOf(url) ?? null, startUrl });
  return async () => {
    server.closeAllConnections();
    server.close();
    await started?.catch(() => undefined);
    await pooler?.stop();
    await postgres?.stop();
  };
}

async function preparePooler(url: string): Promise<PgBouncer> {
  if (!hasPgBouncer) throw new Error('TEST_PGBOUNCER=1 needs `pgbouncer` (Debian: apt-get install pgbouncer)');
  return PgBouncer.prepare(url);
}
