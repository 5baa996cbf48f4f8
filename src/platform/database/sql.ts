import type { EntityManager } from 'typeorm';

export type SqlValue = string | number | bigint | boolean | null | Buffer;
export type SqlRow = Readonly<Record<string, SqlValue>>;
export type SqlParameters = Readonly<Record<string, SqlValue | readonly SqlValue[] | readonly SqlRow[]>>;

/** SQLite takes 32,766 values in one statement, Postgres twice as many. */
const MOST_VALUES = 32_000;

/**
 * `:name` becomes the driver's placeholder; a list stands as `(:name)` and is spread; a list of rows stands as `WITH :name` and becomes a
 * table of that name with the first row's columns. Postgres takes its values for text, so numbers need a `CAST` where they are used.
 */
export function bind(dialect: 'sqlite' | 'postgres', text: string, parameters: SqlParameters): { text: string; values: SqlValue[] } {
  const { values, place } = placer(dialect);
  const bound = text.replace(/(?<![:\w]):([a-z_]\w*)/gi, (_match, name: string) => {
    const value = parameters[name];
    if (value === undefined) throw new Error(`The statement names :${name}, which is not given`);
    if (!isList(value)) return place(value);
    if (isValues(value)) return value.map(place).join(', ');
    const columns = Object.keys(value[0] ?? {});
    return `${name} (${columns.join(', ')}) AS (VALUES ${tuples(columns, value, place)})`;
  });
  return { text: bound, values };
}

/** Gathers values in the order in which their places are asked for. */
function placer(dialect: 'sqlite' | 'postgres'): { values: SqlValue[]; place: (value: SqlValue) => string } {
  const values: SqlValue[] = [];
  const place = (value: SqlValue): string => {
    values.push(value);
    return dialect === 'postgres' ? `$${values.length}` : '?';
  };
  return { values, place };
}

function isList(value: SqlParameters[string]): value is readonly SqlValue[] | readonly SqlRow[] {
  return Array.isArray(value);
}

function isValues(list: readonly SqlValue[] | readonly SqlRow[]): list is readonly SqlValue[] {
  const [first] = list;
  return typeof first !== 'object' || first === null || Buffer.isBuffer(first);
}

function tuples(columns: readonly string[], list: readonly SqlRow[], place: (value: SqlValue) => string): string {
  return list.map((row) => `(${columns.map((column) => place(row[column] ?? null)).join(',')})`).join(',');
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

/**
 * Inserts any number of rows, as many with each statement as it takes. Columns are those of the first row.
 * @param end what follows the values, such as `ON CONFLICT` and `RETURNING`, whose rows are answered
 */
export async function insertRows<Row = unknown>(manager: EntityManager, table: string, list: readonly SqlRow[], end = ''): Promise<Row[]> {
  const [first] = list;
  if (first === undefined) return [];
  const columns = Object.keys(first);
  const atOnce = Math.floor(MOST_VALUES / columns.length);
  const answered: Row[] = [];
  for (let start = 0; start < list.length; start += atOnce) {
    const { values, place } = placer(dialectOf(manager));
    const text = tuples(columns, list.slice(start, start + atOnce), place);
    const result: unknown = await manager.query(` INSERT INTO ${table} (${columns.join(',')}) VALUES ${text} ${end}`, values);
    if (Array.isArray(result)) answered.push(...(result as Row[]));
  }
  return answered;
}
