import type { Database } from '../../src/platform/database/index.js';

export interface Fault {
  readonly table: string;
  readonly on: 'INSERT' | 'UPDATE' | 'DELETE';
  /** Postgres: what is raised. Default: a constraint's violation, as SQLite always raises. */
  readonly sqlState?: string;
  /** Postgres: how often, before all is well by itself. Default: always. */
  readonly times?: number;
  /** Only rows for which this holds, where `NEW` is the row. Not for `DELETE`. */
  readonly when?: string;
}

/** Lets a statement on a table fail until {@link mend}. */
export async function breakTable(database: Database, { table, on, sqlState = '23514', times, when }: Fault): Promise<void> {
  const condition = when === undefined ? '' : `WHEN (${when})`;
  const run = (text: string) => database.write((manager) => manager.query(text));
  if (database.dialect === 'sqlite') {
    await run(`CREATE TRIGGER ${nameOf(table)} BEFORE ${on} ON ${table} ${condition} BEGIN SELECT RAISE(ABORT, 'broken by a test'); END`);
    return;
  }
  // A sequence is not rolled back with what failed.
  await run(`CREATE SEQUENCE ${nameOf(table)}_count`);
  await run(
    `CREATE FUNCTION ${nameOf(table)}() RETURNS trigger AS $$ BEGIN
       IF nextval('${nameOf(table)}_count') <= ${times ?? 1_000_000} THEN
         RAISE EXCEPTION 'broken by a test' USING ERRCODE = '${sqlState}';
       END IF;
       RETURN NEW;
     END $$ LANGUAGE plpgsql`,
  );
  await run(`CREATE TRIGGER ${nameOf(table)} BEFORE ${on} ON ${table} FOR EACH ROW ${condition} EXECUTE FUNCTION ${nameOf(table)}()`);
}

export async function mend(database: Database, table: string): Promise<void> {
  const run = (text: string) => database.write((manager) => manager.query(text));
  if (database.dialect === 'sqlite') {
    await run(`DROP TRIGGER ${nameOf(table)}`);
    return;
  }
  await run(`DROP FUNCTION ${nameOf(table)}() CASCADE`);
  await run(`DROP SEQUENCE ${nameOf(table)}_count`);
}

function nameOf(table: string): string {
  return `test_breaks_${table}`;
}
