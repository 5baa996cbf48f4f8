import { Logger } from '@nestjs/common';
import type { EntityManager, EntityMetadata, EntityTarget, ObjectLiteral } from 'typeorm';
import { ApplyValueTransformers } from 'typeorm/util/ApplyValueTransformers.js';

export type SqlValue = string | number | bigint | boolean | null | Buffer;
export type SqlRow = Readonly<Record<string, SqlValue>>;
export type SqlParameters = Readonly<Record<string, SqlValue | readonly SqlValue[] | readonly SqlRow[]>>;

const logger = new Logger('Database');

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

interface Field {
  readonly databaseName: string;
  readonly propertyName: string;
  readonly isJson: boolean;
  /** What the column stores of a value. */
  readonly store: (value: unknown) => unknown;
}

const fields = new WeakMap<EntityMetadata, readonly Field[]>();

const same = (value: unknown): unknown => value;

function fieldsOf(metadata: EntityMetadata): readonly Field[] {
  const known = fields.get(metadata);
  if (known !== undefined) return known;
  const compiled = metadata.columns.map(({ databaseName, propertyName, type, transformer }): Field => {
    const isJson = type === 'simple-json';
    const transform =
      transformer === undefined ? same : (value: unknown): unknown => ApplyValueTransformers.transformTo(transformer, value);
    return { databaseName, propertyName, isJson, store: isJson ? JSON.stringify : transform };
  });
  fields.set(metadata, compiled);
  return compiled;
}

/**
 * Inserts entities with one statement, at a fraction of what TypeORM's own insert costs. For entities whose columns are text, numbers, flags
 * and `simple-json`. A property that no entity of the list has, or that is null in all, keeps its column's default.
 * @param end what follows the values, such as `ON CONFLICT`
 */
export async function insertEntities<Entity extends ObjectLiteral>(
  manager: EntityManager,
  target: EntityTarget<Entity>,
  entities: readonly Entity[],
  end = '',
): Promise<void> {
  if (entities.length === 0) return;
  const metadata = manager.connection.getMetadata(target);
  // A column that is null in every row need not be named, and most columns of a new row are.
  const set = fieldsOf(metadata).filter(({ propertyName }) => entities.some((entity) => entity[propertyName] != null));
  const list = entities.map((entity): SqlRow => {
    const row: Record<string, SqlValue> = {};
    for (const { databaseName, propertyName, store } of set) {
      const value: unknown = entity[propertyName] ?? null;
      row[databaseName] = value === null ? null : (store(value) as SqlValue);
    }
    return row;
  });
  await insertRows(manager, metadata.tableName, list, end);
}

/**
 * Rows of `RETURNING *` or `SELECT *` as entities, without a second query and at a fraction of what TypeORM's own hydration costs.
 * For entities whose columns are text, numbers and `simple-json`. Of JSON that cannot be read null is left, and the row goes on without it.
 */
export function entitiesOf<Entity extends ObjectLiteral>(
  manager: EntityManager,
  target: EntityTarget<Entity>,
  found: readonly Readonly<Record<string, unknown>>[],
): Entity[] {
  const metadata = manager.connection.getMetadata(target);
  const { target: entityClass } = metadata;
  const known = fieldsOf(metadata);
  return found.map((row) => {
    const entity = new (entityClass as new () => Record<string, unknown>)();
    for (const { databaseName, propertyName, isJson } of known) {
      const value = row[databaseName];
      entity[propertyName] = isJson && typeof value === 'string' ? parsed(value, () => `${databaseName} of ${String(row['id'])}`) : value;
    }
    return entity as Entity;
  });
}

/** What it is called is only asked for when it cannot be read: others may have been claimed with it. */
function parsed(text: string, name: () => string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    logger.error(`The ${name()} cannot be read: ${String(error)}`);
    return null;
  }
}
