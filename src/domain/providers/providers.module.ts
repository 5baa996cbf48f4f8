import { Global, Module } from '@nestjs/common';
import { Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { MetricsService } from '../../platform/metrics/index.js';
import { EgressService, SecretRegistry } from '../../platform/security/index.js';
import { BlobStore } from '../storage/index.js';
import { MediaDownloader } from './media-downloader.js';
import { gatewayRoot } from './plugin-discovery.js';
import { loadProviders } from './provider-loader.js';
import { ProviderRegistry } from './provider-registry.js';

/** The plugin host. */
@Global()
@Module({
  providers: [
    {
      provide: ProviderRegistry,
      inject: [CONFIG, EgressService, BlobStore, Clock, SecretRegistry, MetricsService],
      useFactory: async (
        config: Config,
        egress: EgressService,
        store: BlobStore,
        clock: Clock,
        secrets: SecretRegistry,
        metrics: MetricsService,
      ) => {
        const loaded = await loadProviders({ config, secrets, root: gatewayRoot() });
        const maxOutputBytes = config.media.max_output_bytes;
        return new ProviderRegistry(loaded, { egress, store, clock, secrets, metrics, config, maxOutputBytes });
      },
    },
    MediaDownloader,
  ],
  exports: [ProviderRegistry, MediaDownloader],
})
export class ProvidersModule {}
