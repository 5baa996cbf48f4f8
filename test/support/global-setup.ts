import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { PostgresServer } from './postgres-server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** `url`: an administrator's connection. `startUrl`: a POST there answers 204 once the server runs; null: it runs already. */
    postgres: { url: string; startUrl: string | null };
  }
}

/** Offers every test file one Postgres for the run, which starts when the first one asks: a run of unit tests pays nothing. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const external = process.env.TEST_DATABASE_URL;
  if (external) {
    project.provide('postgres', { url: external, startUrl: null });
    return undefined;
  }
  const postgres = await PostgresServer.prepare();
  let started: Promise<void> | undefined;
  const door = createServer((_request, response) => {
    started ??= postgres.start();
    started.then(
      () => response.writeHead(204).end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((listening) => door.listen(0, '127.0.0.1', listening));
  project.provide('postgres', { url: postgres.url, startUrl: `http://127.0.0.1:${(door.address() as AddressInfo).port}/` });
  return async () => {
    door.closeAllConnections();
    door.close();
    await started?.catch(() => undefined);
    await postgres.stop();
  };
}
