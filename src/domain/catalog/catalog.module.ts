import { type DynamicModule, type FactoryProvider, Module, type ModuleMetadata } from '@nestjs/common';
import { Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import type { CatalogSources } from './catalog.loader.js';
import { CatalogService } from './catalog.service.js';

/** Where the capability files are; `inject` and `imports` as in Nest's factory providers. */
export interface CatalogModuleOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: (...dependencies: never[]) => CatalogSources | Promise<CatalogSources>;
}

const SOURCES = Symbol('litegen.catalog.sources');

/** What models there are. Starting fails when the operator's files are wrong. */
@Module({})
export class CatalogModule {
  static forRootAsync({ imports = [], inject = [], useFactory }: CatalogModuleOptions): DynamicModule {
    return {
      module: CatalogModule,
      global: true,
      imports,
      providers: [
        { provide: SOURCES, inject, useFactory },
        {
          provide: CatalogService,
          inject: [SOURCES, Clock, CONFIG],
          useFactory: (sources: CatalogSources, clock: Clock, config: Config) => CatalogService.load(sources, clock, config.retired_models),
        },
      ],
      exports: [CatalogService],
    };
  }
}
