import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/platform/config/index.js';
import { CommitUnknown, Database, isUnavailable, openDataSources, rows } from '../../src/platform/database/index.js';
import { databases, postgresDatabase, sqliteDatabase } from '../support/databases.js';
import { canMount, SmallDisk } from '../support/small-disk.js';
import { withSqliteFaults } from '../support/sqlite-faults.js';

async function open(url: string): Promise<Database> {
  const config = configSchema.parse({ database_url: url, database: { pool_size: 1 } });
  return new Database(await openDataSources(config, [], []));
}

const add = (database: Database, ...ids: number[]) =>
  database.transaction(async (manager) => {
    for (const id of ids) await rows(manager, 'INSERT INTO things (id, body) VALUES (:id, :body)', { id, body: 'x' });
  });
const ids = async (database: Database) =>
  (await rows<{ id: number }>(database.manager, 'SELECT id FROM things ORDER BY id')).map(({ id }) => id);
function counter(step: number): () => number {
  let last = 0;
  return () => {
    last += step;
    return last;
  };
}
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.each(databases())('a transaction on $name', ({ url }) => {
  let database: Database;
  let another: Database;
  beforeAll(async () => {
    database = await open(url);
    await database.write((manager) => manager.query('CREATE TABLE things (id INTEGER PRIMARY KEY, body TEXT)'));
    another = await open(url);
  });
  afterAll(async () => {
    await database.close();
    await another.close();
  });

  it('is proven by writing and reading back', async () => {
    for (let round = 0; round < 3; round += 1) await database.check();
  });

  it('leaves nothing behind when its work fails, in whatever way', async () => {
    await add(database, 1);
    await expect(add(database, 2, 3, 1)).rejects.toThrow();
    await expect(database.transaction(() => Promise.reject(new Error('changed my mind')))).rejects.toThrow('changed my mind');
    await expect(database.transaction((manager) => manager.query('SELECT * FROM nowhere'))).rejects.toThrow();
    await add(database, 4);
    expect(await ids(another)).toEqual([1, 4]);
  });
});

const CODES = ['SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_NOMEM', 'SQLITE_BUSY', 'SQLITE_READONLY'];
const STEPS = [
  ['BEGIN', /^\s*BEGIN/],
  ['the first statement', /^\s*INSERT/],
  ['the second statement', /^\s*UPDATE/],
  ['COMMIT', /^\s*COMMIT/],
] as const;

describe('errors of SQLite', () => {
  const { url } = sqliteDatabase();
  let database: Database;
  let another: Database;
  const nextId = counter(10);
  const committed: number[] = [];
  beforeAll(async () => {
    database = await open(url);
    await database.write((manager) => manager.query('CREATE TABLE things (id INTEGER PRIMARY KEY, body TEXT)'));
    // Its own look for room would take some of the errors.
    database.room.stop();
    another = await open(url);
  });
  afterAll(async () => {
    await database.close();
    await another.close();
  });

  const two = (id: number, isInParallel = false) =>
    database.transaction(async (manager) => {
      const statements = [
        () => rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id }),
        () => rows(manager, 'UPDATE things SET body = :body WHERE id = :id', { id, body: 'y' }),
        () => rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id: id + 1 }),
      ];
      if (isInParallel) await Promise.allSettled(statements.map((send) => send()));
      // What goes wrong is set aside, and the transaction goes on.
      else for (const send of statements) await send().catch(() => undefined);
    });
  const isWhole = async () => {
    const id = nextId();
    await add(database, id);
    committed.push(id);
    expect(await ids(another)).toEqual(committed);
  };

  describe.each(CODES)('%s', (code) => {
    it.each(
      STEPS.flatMap(([step, at]) =>
        [false, true].flatMap((endsTransaction) => [false, true].map((isInParallel) => ({ step, at, endsTransaction, isInParallel }))),
      ),
    )('at $step (ends the transaction: $endsTransaction, in parallel: $isInParallel)', async ({ at, endsTransaction, isInParallel }) => {
      const id = nextId();
      const came = await withSqliteFaults([{ code, at, endsTransaction }], async () => {
        const error = await failure(two(id, isInParallel));
        expect(isUnavailable(error), String(error)).toBe(true);
      });
      expect(came).toHaveLength(1);
      await isWhole();
    });

    it.each([true, false])('at ROLLBACK after an error (the transaction is over: %s)', async (endsTransaction) => {
      const id = nextId();
      const faults = [
        { code, at: /^\s*UPDATE/, endsTransaction: false },
        { code, at: /^\s*ROLLBACK/, endsTransaction },
        { code, at: /^\s*ROLLBACK/, endsTransaction },
      ];
      const came = await withSqliteFaults(faults, async () => {
        expect(isUnavailable(await failure(two(id)))).toBe(true);
      });
      expect(came).toHaveLength(3);
      await isWhole();
    });
  });

  it('goes on after an error of a statement alone', async () => {
    const id = nextId();
    await database.transaction(async (manager) => {
      await rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id });
      await expect(rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id })).rejects.toThrow('UNIQUE');
    });
    committed.push(id);
    await isWhole();
  });

  it('fails a single statement alone', async () => {
    await withSqliteFaults([{ code: 'SQLITE_FULL', at: /^\s*INSERT/, endsTransaction: false }], async () => {
      const id = nextId();
      await expect(database.write((manager) => rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id }))).rejects.toThrow(
        'SQLITE_FULL',
      );
    });
    await isWhole();
  });

  it('commits what is written after a statement that another program had locked out', async () => {
    const [kept, meanwhile, after] = [nextId(), nextId(), nextId()];
    const insert = (id: number) => database.write((manager) => rows(manager, 'INSERT INTO things (id) VALUES (:id) RETURNING id', { id }));
    const touch = () => database.write((manager) => rows(manager, "UPDATE things SET body = 'z' WHERE id = :kept RETURNING id", { kept }));
    await insert(kept);
    await touch();
    await database.write((manager) => manager.query('PRAGMA busy_timeout = 50'));
    const lockedOut = another.transaction(async (manager) => {
      await rows(manager, 'INSERT INTO things (id) VALUES (:meanwhile)', { meanwhile });
      return failure(touch());
    });
    expect(String(await lockedOut)).toContain('SQLITE_BUSY');
    await insert(after);
    committed.push(kept, meanwhile, after);
    expect(await ids(another)).toEqual(committed);
    await database.write((manager) => manager.query('PRAGMA busy_timeout = 5000'));
    await isWhole();
  });

  it('does not begin a transaction inside another', async () => {
    await expect(database.transaction(() => database.transaction(() => Promise.resolve()))).rejects.toThrow('inside another');
    await isWhole();
  });

  it('opens no file that lives in memory anew', async () => {
    const memory = await open('sqlite://:memory:');
    await memory.write((manager) => manager.query('CREATE TABLE things (id INTEGER PRIMARY KEY, body TEXT)'));
    const full = { code: 'SQLITE_FULL', endsTransaction: false };
    await withSqliteFaults(
      [
        { ...full, at: /^\s*INSERT/ },
        { ...full, at: /^\s*ROLLBACK/ },
        { ...full, at: /^\s*ROLLBACK/ },
      ],
      async () => {
        await expect(add(memory, 1)).rejects.toThrow('SQLITE_FULL');
      },
    );
    await add(memory, 2);
    expect(await ids(memory)).toEqual([2]);
    await memory.close();
  });
});

describe.skipIf(!canMount())('a disk that is full under SQLite (needs the right to mount)', () => {
  const disk = canMount() ? new SmallDisk(2) : undefined;
  afterAll(() => disk?.remove());

  it('loses nothing that was acknowledged, and is written to again once there is room', async () => {
    const database = await open(`sqlite://${join(disk?.path ?? '', 'litegen.db')}`);
    await database.write((manager) => manager.query('CREATE TABLE things (id INTEGER PRIMARY KEY, body TEXT)'));
    const another = await open(`sqlite://${join(disk?.path ?? '', 'litegen.db')}`);
    const acknowledged: number[] = [];
    const body = 'x'.repeat(5_000);
    const one = async (id: number) => {
      await database.transaction((manager) => rows(manager, 'INSERT INTO things (id, body) VALUES (:id, :body)', { id, body }));
      return id;
    };
    const nextId = counter(1);
    for (let round = 0; round < 10; round += 1) {
      acknowledged.push(await one(nextId()));
      disk?.fill();
      const errors: unknown[] = [];
      for (let tries = 0; errors.length < 3 && tries < 500; tries += 1) {
        await one(nextId()).then(
          (id) => acknowledged.push(id),
          (error: unknown) => errors.push(error),
        );
      }
      expect(errors.map((error) => isUnavailable(error))).toEqual([true, true, true]);
      disk?.free();
      await expect(database.transaction(() => Promise.reject(new Error('for other reasons')))).rejects.toThrow('other reasons');
      acknowledged.push(await one(nextId()));
      await database.check();
      expect(await ids(another)).toEqual(acknowledged);
      await database.write((manager) => manager.query('DELETE FROM things'));
      acknowledged.length = 0;
    }
    await database.close();
    await another.close();
  });
});

describe('errors of Postgres', () => {
  const { url } = postgresDatabase();
  let database: Database;
  let another: Database;
  beforeAll(async () => {
    database = await open(url);
    await database.write((manager) => manager.query('CREATE TABLE things (id INTEGER PRIMARY KEY, body TEXT)'));
    await database.write((manager) =>
      manager.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.body = 'killed' THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); END IF;
        IF NEW.body ~ '^[0-9A-Z]{5}$' THEN RAISE EXCEPTION 'injected' USING ERRCODE = NEW.body; END IF;
        RETURN NULL; END $$`),
    );
    await database.write((manager) =>
      manager.query(
        'CREATE CONSTRAINT TRIGGER late AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()',
      ),
    );
    await database.write((manager) => manager.query(`CREATE TRIGGER early AFTER UPDATE ON things FOR EACH ROW EXECUTE FUNCTION fail()`));
    another = await open(url);
  });
  afterAll(async () => {
    await database.close();
    await another.close();
  });

  const nextId = counter(10);
  const committed: number[] = [];
  const isWhole = async () => {
    const id = nextId();
    // The pool has one connection. It may have to see first that it was cut.
    await database.insist(() => add(database, id));
    committed.push(id);
    expect(await ids(another)).toEqual(committed);
  };
  const insert = (body: string) =>
    database.transaction((manager) => rows(manager, 'INSERT INTO things (id, body) VALUES (:id, :body)', { id: nextId(), body }));

  it.each(['killed', '53100', '53200', '57014', '40001', '40P01', '58030'])('%s in a statement', async (body) => {
    const work = database.transaction(async (manager) => {
      await rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id: nextId() });
      await rows(manager, 'UPDATE things SET body = :body', { body });
    });
    await expect(work).rejects.toThrow();
    await isWhole();
  });

  it.each(['killed', '53100', '53200', '57014', '40001', '40P01', '58030'])('%s in COMMIT', async (body) => {
    const error = await failure(insert(body));
    expect(error).toBeInstanceOf(Error);
    if (body === 'killed') expect(error).toBeInstanceOf(CommitUnknown);
    await isWhole();
  });

  it('a connection that is ended before each step', async () => {
    const kill = () =>
      another.write((manager) =>
        manager.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        ),
      );
    for (const when of [0, 1, 2]) {
      const work = database.transaction(async (manager) => {
        for (const step of [0, 1]) {
          if (step === when) await kill();
          await rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id: nextId() });
        }
        if (when === 2) await kill();
      });
      await expect(work).rejects.toThrow();
      await isWhole();
    }
  });

  it('is not committed when a failed statement was set aside', async () => {
    const work = database.transaction(async (manager) => {
      await rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id: nextId() });
      await manager.query('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(work).rejects.toThrow('rolled back instead of committed');
    await isWhole();
  });

  it('uses no connection again that did not confirm the end', async () => {
    await expect(
      database.transaction(async (manager) => {
        const pid = await rows<{ pid: number }>(manager, 'SELECT pg_backend_pid() AS pid');
        await rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id: nextId() });
        // The server's end of the rollback fails: its connection is in a state that nobody knows.
        await manager.queryRunner?.query('ROLLBACK');
        await manager.queryRunner?.query(`SET client_encoding = 'nonsense'`).catch(() => undefined);
        throw new Error(`of ${pid[0]?.pid}`);
      }),
    ).rejects.toThrow('of ');
    await isWhole();
  });
});
