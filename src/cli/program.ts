import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { modelYamlJsonSchema } from '../catalog/index.js';
import { ERRORS } from '../common/index.js';
import { configurationDocument } from './configuration-document.js';
import { type DoctorHost, examine, type Finding } from './doctor/index.js';
import { errorsDocument } from './errors-document.js';
import { listModels } from './list-models.js';
import { listPrices, type PricesOptions } from './list-prices.js';
import { migrate, revert } from './migrate.js';
import { openApiDocument } from './openapi-document.js';
import { type GeneratedOptions, jsonText, settleGenerated, type Terminal } from './output.js';
import { reconcile } from './reconcile.js';
import { redactedConfig } from './redacted-config.js';

/** What the commands need of the gateway. */
export interface CliHost extends DoctorHost {
  readonly version: string;
  readonly terminal: Terminal;
  /** The document that `/openapi.json` serves. */
  buildOpenApi(app: NestFastifyApplication): object;
}

type DocumentOptions = GeneratedOptions & { readonly markdown?: boolean };

const LEVELS = { ok: 0, warn: 1, fail: 2 } as const;

/** `litegen <command>` */
export function createProgram(host: CliHost): Command {
  const { terminal } = host;
  const program = new Command('litegen').description('Looks after a LiteGen gateway.').version(host.version);
  const settle = (text: string, file: string, options: GeneratedOptions): void =>
    settleGenerated(terminal, text, join(host.root, file), options);

  const OPENAPI = 'docs/openapi.json';
  generates(program.command('openapi').description('print the OpenAPI document'), OPENAPI).action(async (options: GeneratedOptions) =>
    settle(jsonText(await openApiDocument(host)), OPENAPI, options),
  );

  const MODEL_SCHEMA = 'packages/plugin-sdk/schema/model.schema.json';
  generates(program.command('model-schema').description('print the JSON Schema of capability YAML'), MODEL_SCHEMA).action(
    (options: GeneratedOptions) => settle(jsonText(modelYamlJsonSchema()), MODEL_SCHEMA, options),
  );

  const ERRORS_DOCUMENT = 'docs/errors.md';
  generates(program.command('errors').description('list the error codes'), ERRORS_DOCUMENT)
    .option('--markdown', `print ${ERRORS_DOCUMENT}`)
    .action((options: DocumentOptions) => {
      if (wantsDocument(options)) settle(errorsDocument(), ERRORS_DOCUMENT, options);
      else for (const [code, { status, type }] of Object.entries(ERRORS)) terminal.out(`${status}  ${code}  ${type}\n`);
    });

  const CONFIGURATION = 'docs/configuration.md';
  generates(program.command('config').description('print the settings in force, without secrets'), CONFIGURATION)
    .option('--markdown', `print ${CONFIGURATION}`)
    .action((options: DocumentOptions) => {
      if (wantsDocument(options)) settle(configurationDocument(), CONFIGURATION, options);
      else terminal.out(stringify(redactedConfig(host.loadConfig().config)));
    });

  program
    .command('doctor')
    .description('check everything that can keep the gateway from working; ends with 1 when something does')
    .action(() => doctor(host));
  program
    .command('migrate')
    .description('bring the database’s schema up to date')
    .option('--revert', 'undo the last migration instead, with what its tables hold')
    .action((options: { readonly revert?: boolean }) => (options.revert === true ? revert(host) : migrate(host)));
  program
    .command('reconcile')
    .description('compute every balance from the ledger; ends with 1 when one differs')
    .option('--repair', 'set such balances to what the ledger says, with a line in the ledger for each')
    .action((options: { readonly repair?: boolean }) => reconcile(host, options));
  program
    .command('models')
    .description('list the catalogue, and whether each model’s provider is configured')
    .action(() => listModels(host));
  program
    .command('prices')
    .description('compare every price with what the vendors publish; ends with 1 when one differs or is missing')
    .option('--model <prefix>', 'only models whose id begins like this')
    .option('--json', 'print JSON')
    .action((options: PricesOptions) => listPrices(host, options));
  return program;
}

function generates(command: Command, file: string): Command {
  return command.option('--out <file>', 'write to this file').option('--check', `end with 1 when ${file} differs`);
}

function wantsDocument({ markdown, check, out }: DocumentOptions): boolean {
  return markdown === true || check === true || out !== undefined;
}

async function doctor(host: CliHost): Promise<void> {
  let worst: Finding['level'] = 'ok';
  for await (const finding of examine(host)) {
    const { level, subject, message, remedy } = finding;
    if (LEVELS[level] > LEVELS[worst]) worst = level;
    host.terminal.out(`${level.padEnd(4)}  ${subject.padEnd(8)}  ${message}${remedy === undefined ? '' : ` → ${remedy}`}\n`);
  }
  host.terminal.exitCode(worst === 'fail' ? 1 : 0);
}
