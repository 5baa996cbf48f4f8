// Where the gateways of a run keep their rows: a SQLite file each, or a database each on one Postgres.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ROOT } from '../../scripts/files.mjs';
import { leave, makeDirectory } from './leavings.mjs';

/** As users run it; the tests' server does none of it. */
export const DURABLE = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' };
/** By the number that SQLite answers. */
const SYNCHRONOUS = ['OFF', 'NORMAL', 'FULL', 'EXTRA'];

export class SqliteFiles {
  name = 'sqlite';

  pids() {
    return [];
  }

  /** What a commit promises, as a connection says on which the gateway's own code has set what it sets on all of its own. */
  async durability() {
    const [{ default: sqlite3 }, { tuneSqlite }] = await Promise.all([
      import('sqlite3'),
      import(join(ROOT, 'dist/src/platform/database/sqlite.js')),
    ]);
    const database = new sqlite3.Database(join(makeDirectory('bench-settings'), 'litegen.db'));
    const query = (text) =>
      new Promise((resolve, reject) => database.all(text, (error, rows) => (error === null ? resolve(rows) : reject(error))));
    try {
      await tuneSqlite({ query });
      const [{ journal_mode: journalMode }] = await query('PRAGMA journal_mode');
      const [{ synchronous }] = await query('PRAGMA synchronous');
      return `SQLite: journal_mode ${journalMode}, synchronous ${SYNCHRONOUS[synchronous]}`;
    } finally {
      await new Promise((resolve) => database.close(resolve));
    }
  }

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
  #names = [];

  /** `url`: a server on which databases may be created; without it a throw-away one with these settings is started. */
  static async open(url, settings) {
    const databases = new PostgresDatabases();
    if (url === undefined) databases.#server = await startPostgres(settings);
    databases.#serverUrl = url ?? databases.#server.url;
    return databases;
  }

  async create() {
    const name = `litegen_bench_${randomBytes(6).toString('hex')}`;
    await this.execute(`CREATE DATABASE ${name}`);
    this.#names.push(name);
    const url = new URL(this.#serverUrl);
    url.pathname = `/${name}`;
    return { url: url.href, drop: () => this.#drop(name) };
  }

  /** Of a server of ours, which is on this machine. */
  pids() {
    return this.#server?.pids() ?? [];
  }

  /** What a commit promises, as the server says. */
  async durability() {
    const [{ server_version: version }] = await this.execute('SHOW server_version');
    const settings = [];
    for (const name of Object.keys(DURABLE)) settings.push(`${name} ${(await this.execute(`SHOW ${name}`))[0][name]}`);
    return `Postgres ${version}: ${settings.join(', ')}`;
  }

  #drop(name) {
    return this.execute(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }

  /** Ends the server, or drops what was created on one that is not ours. */
  async stop() {
    if (this.#server === undefined) {
      for (const name of this.#names) await this.#drop(name);
      return;
    }
    await this.#server.halt();
    leave(this.#server.folder);
  }

  /** One statement, as an administrator of the server; its rows. */
  async execute(statement) {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: this.#serverUrl });
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  }
}

/** The tests' own Postgres. `settings`: further server settings by name. */
export function startPostgres(settings) {
  return fromTests('support/postgres-server', async ({ PostgresServer }) => {
    const server = await PostgresServer.prepare(settings);
    await server.start();
    return server;
  });
}

/** The tests' own Redis. */
export function startRedis() {
  return fromTests('support/redis-server', ({ RedisServer }) => RedisServer.start());
}

/** The tests' own PgBouncer in transaction mode; `settings` are PgBouncer's. */
export function startPgBouncer(serverUrl, settings) {
  return fromTests('support/pgbouncer', async ({ PgBouncer }) => {
    const pooler = await PgBouncer.prepare(serverUrl, settings);
    await pooler.start();
    return pooler;
  });
}

/** The tests' own bucket. */
export function startS3() {
  return fromTests('support/s3-server', ({ startS3Server }) => startS3Server());
}

/** One address that leads to one server after the other. */
export function startTcpFront(url) {
  return fromTests('support/tcp-front', ({ TcpFront }) => TcpFront.open(url));
}

/** The tests' own file system that is soon full. @throws where this process may not mount one */
export function mountSmallDisk(megabytes) {
  return fromTests('support/small-disk', ({ SmallDisk }) => new SmallDisk(megabytes));
}

/** What the tests have, in TypeScript that Vite loads. */
async function fromTests(name, use) {
  const { createViteServer } = await import('vitest/node');
  const vite = await createViteServer({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    server: { middlewareMode: true, watch: null, ws: false },
  });
  try {
    return await use(await vite.ssrLoadModule(`/test/${name}.ts`));
  } finally {
    await vite.close();
  }
}
