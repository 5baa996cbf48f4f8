import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config, LoadedConfig, Overrides } from '../../../platform/config/index.js';
import type { MigrationList } from '../../../platform/database/index.js';

export interface Finding {
  /** `skip`: there was nothing to look at. */
  readonly level: 'ok' | 'skip' | 'warn' | 'fail';
  /** What was looked at, in a word. */
  readonly subject: string;
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export interface ExamineOptions {
  /** Ask the vendors as well. */
  readonly online?: boolean;
}

export interface DoctorHost {
  /** package.json's `engines.node`, such as `>=20.19.0`. */
  readonly nodeRange: string;
  /** The folder with package.json. */
  readonly root: string;
  readonly nodeVersion: string;
  readonly migrations: MigrationList;
  loadConfig(overrides?: Overrides): LoadedConfig;
  /** The application, not yet listening. */
  createApplication(config: Config): Promise<NestFastifyApplication>;
}

/** What went wrong, in one line. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.split('\n')[0] ?? message;
}
