import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '../../platform/config/index.js';
import type { CliHost } from './host.js';

/** The document of the application with default settings: the same on every machine. */
export async function openApiDocument(host: Pick<CliHost, 'createApplication' | 'buildOpenApi'>): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-openapi-'));
  try {
    const app = await host.createApplication(
      configSchema.parse({
        database_url: 'sqlite://:memory:',
        storage: { path: folder },
        models_directory: folder,
        observability: { log_level: 'silent' },
      }),
    );
    try {
      return await host.buildOpenApi(app);
    } finally {
      await app.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
