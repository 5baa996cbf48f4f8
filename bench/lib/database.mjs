// Where the gateways of a run keep their rows: a SQLite file each, or a database each on one Postgres.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ROOT } from '../../scripts/files.mjs';

export class SqliteFiles {
  name = 'sqlite';

  /** The settings of a gateway whose working directory this is, and how to forget its data. */
  async create(directory) {
    return { url: `sqlite://${join(directory, 'litegen.db')}`, drop: async () => {} };
  }

  async stop() {}
}

export class PostgresDatabases {
  name = 'postgres';
  #serverUrl;
  #server;

  /** `BENCH_DATABASE_URL` names a server on which databases may be created; without it a throw-away one is started. */
  static async open(url) {
    const databases = new PostgresDatabases();
    if (url === undefined) databases.#server = await startPostgres();
    databases.#serverUrl = url ?? databases.#server.url;
    return databases;
  }

  async create() {
    const name = `litegen_bench_${randomBytes(6).toString('hex')}`;
    await this.execute(`CREATE DATABASE ${name}`);
    const url = new URL(this.#serverUrl);
    url.pathname = `/${name}`;
    return { url: url.href, drop: () => this.execute(`DROP DATABASE ${name} WITH (FORCE)`) };
  }

  async stop() {
    await this.#server?.stop();
  }

  /** As an administrator of the server. */
  async execute(statement) {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: this.#serverUrl });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }
}

/** The tests' own Postgres, whose TypeScript Vite loads. `settings`: further server settings by name. */
export async function startPostgres(settings) {
  const { createViteServer } = await import('vitest/node');
  const vite = await createViteServer({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    server: { middlewareMode: true, watch: null, ws: false },
  });
  try {
    const { PostgresServer } = await vite.ssrLoadModule('/test/support/postgres-server.ts');
    const server = await PostgresServer.prepare(settings);
    await server.start();
    return server;
  } finally {
    await vite.close();
  }
}
