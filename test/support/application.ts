import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll } from 'vitest';
import { createApplication } from '../../src/app/http/application.js';
import { PinoLoggerService } from '../../src/app/http/logging.js';
import { type Config, configSchema } from '../../src/platform/config/index.js';
import { Database } from '../../src/platform/database/index.js';
import { SecretRegistry } from '../../src/platform/security/index.js';

export interface TestApplication {
  readonly app: NestFastifyApplication;
  readonly config: Config;
  /** Every line that was logged. */
  readonly lines: string[];
  /** Before the end of the file, where its database goes earlier. */
  close(): Promise<void>;
}

export type Settings = { readonly [key: string]: unknown };

const open = new Set<() => Promise<void>>();
// Registered while the file loads: a hook that is registered while another hook runs is never called.
afterAll(async () => {
  for (const close of open) await close();
});

/** The whole application in this process, migrated and ready for `app.inject`; closed after the file. */
export async function testApplication(databaseUrl: string, settings: Settings = {}): Promise<TestApplication> {
  const directory = mkdtempSync(join(tmpdir(), 'litegen-app-'));
  const config = configSchema.parse({
    observability: { log_level: 'debug' },
    ...settings,
    database_url: databaseUrl,
    storage: { path: join(directory, 'blobs'), ...(settings['storage'] as object | undefined) },
  });
  const lines: string[] = [];
  const secrets = new SecretRegistry();
  const logger = new PinoLoggerService(config, secrets, { write: (line) => lines.push(line) });
  const app = await createApplication(config, { secrets, logger });
  await app.get(Database).migrate();
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  const close = async (): Promise<void> => {
    if (!open.delete(close)) return;
    await app.close();
    rmSync(directory, { recursive: true, force: true });
  };
  open.add(close);
  return { app, config, lines, close };
}
