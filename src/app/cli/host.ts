import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Overrides } from '../../platform/config/index.js';
import type { DoctorHost } from './doctor/index.js';
import type { Terminal } from './output.js';

/** What the commands need of the gateway. */
export interface CliHost extends DoctorHost {
  readonly version: string;
  readonly terminal: Terminal;
  /** Serves until a signal ends it. */
  launch(overrides: Overrides): Promise<void>;
  /** The document that `/openapi.json` serves. */
  buildOpenApi(app: NestFastifyApplication): object | Promise<object>;
}
