#!/usr/bin/env node
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoggerService } from '@nestjs/common';
import { MIGRATIONS } from '../../migrations/index.js';
import { StartRefusal } from '../platform/common/index.js';
import { ConfigError, loadConfig, readEnvironmentFile } from '../platform/config/index.js';
import { SecretRegistry } from '../platform/security/index.js';
import { createProgram } from './cli/index.js';
import { PACKAGE_ROOT, VERSION } from './version.js';

/** The commands say themselves what is worth knowing. */
const SILENT: LoggerService = { log() {}, warn() {}, error() {} };

// Such as `litegen models | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const packageFile = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };

const program = createProgram({
  version: VERSION,
  root: PACKAGE_ROOT,
  nodeRange: packageFile.engines.node,
  nodeVersion: process.version,
  migrations: MIGRATIONS,
  terminal: {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
    exitCode: (code) => {
      process.exitCode = code;
    },
  },
  loadConfig: (overrides) => {
    readEnvironmentFile();
    return loadConfig(undefined, undefined, overrides);
  },
  // Tracing has to be there before what it traces is loaded.
  launch: async (overrides) => (await import('./launch.js')).launch(overrides),
  createApplication: async (config) => {
    const { createApplication } = await import('./http/application.js');
    return createApplication(config, { secrets: new SecretRegistry(), logger: SILENT });
  },
  buildOpenApi: async (app) => (await import('./http/openapi-generation.js')).buildOpenApi(app),
});

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof ConfigError || error instanceof StartRefusal ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
});
