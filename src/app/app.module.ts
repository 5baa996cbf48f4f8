import { type DynamicModule, Module } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { MIGRATIONS } from '../../migrations/index.js';
import { BudgetsApiModule } from '../api/budgets/index.js';
import { CacheApiModule } from '../api/cache/index.js';
import { CallbacksModule } from '../api/callbacks/index.js';
import { EventsModule } from '../api/events/index.js';
import { FilesApiModule } from '../api/files/index.js';
import { GenerationsApiModule } from '../api/generations/index.js';
import { HealthModule } from '../api/health/index.js';
import { ImagesModule } from '../api/images/index.js';
import { KeysApiModule } from '../api/keys/index.js';
import { MetricsApiModule } from '../api/metrics/index.js';
import { ModelsModule } from '../api/models/index.js';
import { ProvidersApiModule } from '../api/providers/index.js';
import { QuotesModule } from '../api/quotes/index.js';
import { StatsModule } from '../api/stats/index.js';
import { VideosModule } from '../api/videos/index.js';
import { WebhooksApiModule } from '../api/webhooks/index.js';
import { ApiKeyEntity, AuthModule } from '../domain/access/index.js';
import { CatalogModule, type CatalogSources } from '../domain/catalog/index.js';
import { ProviderRegistry, ProvidersModule } from '../domain/providers/index.js';
import { AssetEntity, StorageModule } from '../domain/storage/index.js';
import { AttemptEntity, GenerationEntity, GenerationsModule } from '../engine/generations/index.js';
import {
  WebhookAttemptEntity,
  WebhookDeliveryEntity,
  WebhookEndpointEntity,
  WebhookMessageEntity,
  WebhooksModule,
} from '../engine/webhooks/index.js';
import { CONFIG, type Config, ConfigModule } from '../platform/config/index.js';
import { DatabaseModule } from '../platform/database/index.js';
import { MetricsModule } from '../platform/metrics/index.js';
import { RedisModule } from '../platform/redis/index.js';
import { PeriodicTasksModule } from '../platform/schedule/index.js';
import { type SecretRegistry, SecurityModule } from '../platform/security/index.js';
import { BudgetEntity, BudgetsModule } from '../policy/budgets/index.js';
import { CacheModule } from '../policy/cache/index.js';
import { LimitsModule } from '../policy/limits/index.js';
import { ErrorFilter, ErrorResponder } from './http/error.filter.js';
import { RouteTable } from './http/request-reading.js';
import { FieldsPipe } from './http/validation.js';

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

/** Every module of the gateway, from the lowest layer to the highest. */
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
        PeriodicTasksModule,
        StorageModule,
        ProvidersModule,
        CatalogModule.forRootAsync({ inject: [ProviderRegistry, CONFIG], useFactory: catalogSources }),
        BudgetsModule,
        AuthModule,
        LimitsModule,
        CacheModule,
        GenerationsModule,
        WebhooksModule,
        // In the order in which the OpenAPI document lists their paths.
        FilesApiModule,
        BudgetsApiModule,
        KeysApiModule,
        CacheApiModule,
        GenerationsApiModule,
        CallbacksModule,
        WebhooksApiModule,
        ImagesModule,
        VideosModule,
        QuotesModule,
        EventsModule,
        ModelsModule,
        ProvidersApiModule,
        StatsModule,
        HealthModule,
        MetricsApiModule,
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
