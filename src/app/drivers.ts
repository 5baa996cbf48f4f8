import { createRequire } from 'node:module';

interface DataSource {
  readonly options: { readonly type: string };
}

type Driver = new (dataSource: DataSource) => object;

const require = createRequire(import.meta.url);

/** Makes the driver of a data source, as TypeORM’s class of this name does, which first loads those of all its databases. */
class DriverFactory {
  create(dataSource: DataSource): object {
    const { type } = dataSource.options;
    if (type === 'postgres') return new (driver('postgres/PostgresDriver', 'PostgresDriver'))(dataSource);
    return new (driver('sqlite/SqliteDriver', 'SqliteDriver'))(dataSource);
  }
}

function driver(file: string, name: string): Driver {
  return (require(`typeorm/driver/${file}.js`) as Readonly<Record<string, Driver>>)[name] as Driver;
}

/** Leaves out of what is loaded the drivers of databases that are not in use. Works until TypeORM is loaded. */
export function leaveOutDrivers(): void {
  const id = require.resolve('typeorm/driver/DriverFactory.js');
  const own = { id, filename: id, loaded: true, exports: { DriverFactory } };
  require.cache[id] ??= own as unknown as NodeJS.Module;
}
