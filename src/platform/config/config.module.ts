import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Clock } from '../common/index.js';
import { CONFIG, type Config } from './schema.js';

/** Settings and the clock, for everybody. */
@Global()
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    return {
      module: ConfigModule,
      providers: [{ provide: CONFIG, useValue: config }, Clock],
      exports: [CONFIG, Clock],
    };
  }
}
