import { type DynamicModule, Global, Logger, Module } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { type EntityList, type MigrationList, openDataSources } from './data-source.js';
import { DATA_SOURCES, Database } from './database.service.js';
import { InstanceSecretEntity } from './instance-secret.entity.js';
import { InstanceSecrets } from './instance-secrets.js';
import { openToOthers } from './private-files.js';
import { sqlitePath } from './sqlite.js';

/** Opens the database with the entities of all modules. */
@Global()
@Module({})
export class DatabaseModule {
  static with(entities: EntityList, migrations: MigrationList): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        {
          provide: DATA_SOURCES,
          inject: [CONFIG],
          useFactory: async (config: Config) => {
            const sources = await openDataSources(config, [InstanceSecretEntity, ...entities], migrations);
            if (sources.writer.options.type === 'sqlite') warnIfOpen(sqlitePath(config.database_url));
            return sources;
          },
        },
        Database,
        InstanceSecrets,
      ],
      exports: [Database, InstanceSecrets],
    };
  }
}

function warnIfOpen(path: string): void {
  const files = openToOthers(path);
  if (files.length > 0)
    new Logger('Database').warn(`Others than their owner may read ${files.join(', ')}, and this process may not change that.`);
}
