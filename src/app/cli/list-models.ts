import { CatalogService, isSunset } from '../../domain/catalog/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import { Clock } from '../../platform/common/index.js';
import type { CliHost } from './host.js';

/** One line a model: its id, what it does, and what keeps it from being called. */
export async function listModels(host: Pick<CliHost, 'loadConfig' | 'createApplication' | 'terminal'>): Promise<void> {
  const app = await host.createApplication({ ...host.loadConfig().config, database_url: 'sqlite://:memory:' });
  try {
    const registry = app.get(ProviderRegistry);
    const now = new Clock().now();
    const catalog = app.get(CatalogService);
    const models = catalog.models();
    const width = Math.max(0, ...models.map(({ id }) => id.length));
    for (const model of models) {
      const missing = registry.provider(model.provider)?.toSet ?? [];
      const standIn = catalog.standIn(model);
      const state = isSunset(model, now)
        ? `switched off by the vendor${standIn === undefined ? '' : `; ${standIn.id} stands in`}`
        : registry.get(model.provider) !== undefined
          ? 'ready'
          : missing.length > 0
            ? `needs ${missing.join(', ')}`
            : 'its provider is not used';
      host.terminal.out(`${model.id.padEnd(width)}  ${model.operations.join(', ')}  ${state}\n`);
    }
  } finally {
    await app.close();
  }
}
