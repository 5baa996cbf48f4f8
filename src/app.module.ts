import { type DynamicModule, Module } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { MIGRATIONS } from '../migrations/index.js';
import { ApiKeyEntity, AuthModule } from './auth/index.js';
import { BudgetEntity, BudgetsModule } from './budgets/index.js';
import { CacheModule } from './cache/index.js';
import { CatalogModule, type CatalogSources } from './catalog/index.js';
import { CONFIG, type Config, ConfigModule } from './config/index.js';
import { DatabaseModule } from './database/index.js';
import { EventsModule } from './events/index.js';
import { AttemptEntity, GenerationEntity, GenerationsModule } from './generations/index.js';
import { HealthModule } from './health/index.js';
import { ErrorFilter, ErrorResponder } from './http/error.filter.js';
import { RouteTable } from './http/route-table.js';
import { FieldsPipe } from './http/validation.js';
import { ImagesModule } from './images/index.js';
import { LimitsModule } from './limits/index.js';
import { MetricsModule } from './metrics/index.js';
import { ModelsModule } from './models/index.js';
import { ProviderRegistry, ProvidersModule } from './providers/index.js';
import { QuotesModule } from './quotes/index.js';
import { RedisModule } from './redis/index.js';
import { type SecretRegistry, SecurityModule } from './security/index.js';
import { StatsModule } from './stats/index.js';
import { AssetEntity, StorageModule } from './storage/index.js';
import { VideosModule } from './videos/index.js';
import {
  WebhookAttemptEntity,
  WebhookDeliveryEntity,
  WebhookEndpointEntity,
  WebhookMessageEntity,
  WebhooksModule,
} from './webhooks/index.js';

const ENTITIES = [
  ApiKeyEntity,
  AssetEntity,
  AttemptEntity,
  BudgetEntity,
  GenerationEntity,
  WebhookAttemptEntity,
  WebhookDeliveryEntity,
  WebhookEndpointEntity,
  WebhookMessageEntity,
];

/** The house: every module in its place. */
@Module({})
export class AppModule {
  static with(config: Config, secrets: SecretRegistry): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(config),
        SecurityModule.with(secrets),
        DatabaseModule.with(ENTITIES, MIGRATIONS),
        RedisModule,
        MetricsModule,
        ScheduleModule.forRoot(),
        StorageModule,
        ProvidersModule,
        CatalogModule.forRootAsync({ inject: [ProviderRegistry, CONFIG], useFactory: catalogSources }),
        BudgetsModule,
        AuthModule,
        LimitsModule,
        CacheModule,
        GenerationsModule,
        WebhooksModule,
        ImagesModule,
        VideosModule,
        QuotesModule,
        EventsModule,
        ModelsModule,
        StatsModule,
        HealthModule,
      ],
      providers: [
        ErrorFilter,
        ErrorResponder,
        RouteTable,
        {
          provide: APP_PIPE,
          useClass: FieldsPipe,
        },
      ],
    };
  }
}

/** Every provider's models: a further instance of a plugin offers the plugin's models under its own name. */
function catalogSources(registry: ProviderRegistry, config: Config): CatalogSources {
  return {
    operatorDirectory: config.models_directory,
    plugins: registry
      .list()
      .flatMap(({ providerId, pluginId, plugin }) =>
        plugin.modelsDirectory === undefined
          ? []
          : [{ providerId, directory: plugin.modelsDirectory, ...(providerId === pluginId ? {} : { writtenFor: pluginId }) }],
      ),
  };
}
