import type { EntityManager } from 'typeorm';

export type SqlValue = string | number | bigint | boolean | null | Buffer;
export type SqlParameters = Readonly<Record<string, SqlValue | readonly SqlValue[]>>;

/** `:name` becomes the driver's placeholder; a list stands as `(:name)` and is spread. */
export function bind(dialect: 'sqlite' | 'postgres', text: string, parameters: SqlParameters): { text: string; values: SqlValue[] } {
  const values: SqlValue[] = [];
  const place = (value: SqlValue): string => {
    values.push(value);
    return dialect === 'postgres' ? `$${values.length}` : '?';
  };
  const bound = text.replace(/(?<![:\w]):([a-z_]\w*)/gi, (_match, name: string) => {
    const value = parameters[name];
    if (value === undefined) throw new Error(`The statement names :${name}, which is not given`);
    return Array.isArray(value) ? value.map(place).join(', ') : place(value as SqlValue);
  });
  return { text: bound, values };
}

export function dialectOf(manager: EntityManager): 'sqlite' | 'postgres' {
  return manager.connection.options.type === 'postgres' ? 'postgres' : 'sqlite';
}

/** Runs a statement and answers its rows, also for `UPDATE … RETURNING`, which the Postgres driver wraps. */
export async function rows<Row = unknown>(manager: EntityManager, text: string, parameters: SqlParameters = {}): Promise<Row[]> {
  const bound = bind(dialectOf(manager), text, parameters);
  // TypeORM's SQLite driver throws away the rows of whatever starts with UPDATE or DELETE.
  const result: unknown = await manager.query(` ${bound.text.trimStart()}`, bound.values);
  if (Array.isArray(result) && result.length === 2 && Array.isArray(result[0]) && typeof result[1] === 'number') return result[0] as Row[];
  return (Array.isArray(result) ? result : []) as Row[];
}

/** How `SELECT` inside a claim skips rows that another replica is just claiming. SQLite has one writer and needs nothing. */
export function skipLocked(manager: EntityManager): string {
  return dialectOf(manager) === 'postgres' ? 'FOR UPDATE SKIP LOCKED' : '';
}

/** Inserts any number of rows with one statement. Columns are those of the first row. `onConflict` is the clause of that name. */
export async function insertRows(
  manager: EntityManager,
  table: string,
  values: readonly Readonly<Record<string, SqlValue>>[],
  onConflict = '',
): Promise<void> {
  const [first] = values;
  if (first === undefined) return;
  const columns = Object.keys(first);
  const postgres = dialectOf(manager) === 'postgres';
  const parameters: SqlValue[] = [];
  const tuples = values.map((row) => {
    const places = columns.map((column) => {
      parameters.push(row[column] ?? null);
      return postgres ? `$${parameters.length}` : '?';
    });
    return `(${places.join(',')})`;
  });
  await manager.query(`INSERT INTO ${table} (${columns.join(',')}) VALUES ${tuples.join(',')} ${onConflict}`, parameters);
}
