import { type DynamicModule, Global, Module } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { type EntityList, type MigrationList, openDataSources } from './data-source.js';
import { DATA_SOURCES, Database } from './database.service.js';
import { InstanceSecretEntity } from './instance-secret.entity.js';
import { InstanceSecrets } from './instance-secrets.js';

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
          useFactory: (config: Config) => openDataSources(config, [InstanceSecretEntity, ...entities], migrations),
        },
        Database,
        InstanceSecrets,
      ],
      exports: [Database, InstanceSecrets],
    };
  }
}
