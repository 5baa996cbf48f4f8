import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config, LoadedConfig } from '../../config/index.js';
import type { MigrationList } from '../../database/index.js';

export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  /** What was looked at, in a word. */
  readonly subject: string;
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export interface DoctorHost {
  /** package.json's `engines.node`, such as `>=20.19.0`. */
  readonly nodeRange: string;
  /** The folder with package.json. */
  readonly root: string;
  readonly nodeVersion: string;
  readonly migrations: MigrationList;
  loadConfig(): LoadedConfig;
  /** The application, not yet listening. */
  createApplication(config: Config): Promise<NestFastifyApplication>;
}

/** What went wrong, in one line. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.split('\n')[0] ?? message;
}
