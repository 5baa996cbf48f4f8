import { Logger } from '@nestjs/common';
import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';

const logger = new Logger('Database');

/**
 * Rows of `RETURNING *` or `SELECT *` as entities, without a second query and at a fraction of what TypeORM's own hydration costs.
 * For entities whose columns are text, numbers and `simple-json`. Of JSON that cannot be read null is left, and the row goes on without it.
 */
export function entitiesOf<Entity extends ObjectLiteral>(
  manager: EntityManager,
  target: EntityTarget<Entity>,
  found: readonly Readonly<Record<string, unknown>>[],
): Entity[] {
  const { columns, target: entityClass } = manager.connection.getMetadata(target);
  const fields = columns.map(({ databaseName, propertyName, type }) => ({ databaseName, propertyName, isJson: type === 'simple-json' }));
  return found.map((row) => {
    const entity = new (entityClass as new () => Record<string, unknown>)();
    for (const { databaseName, propertyName, isJson } of fields) {
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
