import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { modelYamlJsonSchema } from '../../domain/catalog/index.js';
import { ERRORS } from '../../platform/common/index.js';
import type { Overrides } from '../../platform/config/index.js';
import { configurationDocument } from './configuration-document.js';
import { type ExamineOptions, examine, type Finding } from './doctor/index.js';
import { errorsDocument } from './errors-document.js';
import { exampleSettings } from './example-settings.js';
import type { CliHost } from './host.js';
import { listModels } from './list-models.js';
import { listPrices, type PricesOptions } from './list-prices.js';
import { migrate, revert } from './migrate.js';
import { openApiDocument } from './openapi-document.js';
import { type GeneratedOptions, jsonText, settleGenerated } from './output.js';
import { reconcile } from './reconcile.js';
import { redactedConfig } from './redacted-config.js';

interface StartOptions {
  readonly host?: string;
  readonly port?: string;
  readonly masterKey?: string;
  readonly logLevel?: string;
}

function settingsOf({ host, port, masterKey, logLevel }: StartOptions): Readonly<Record<string, string>> {
  const settings = { 'server.host': host, 'server.port': port, master_key: masterKey, 'observability.log_level': logLevel };
  return Object.fromEntries(Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

type DocumentOptions = GeneratedOptions & { readonly markdown?: boolean; readonly example?: boolean };

const LEVELS = { ok: 0, skip: 0, warn: 1, fail: 2 } as const;

/** `litegen <command>` */
export function createProgram(given: CliHost): Command {
  const { terminal } = given;
  const program = new Command('litegen')
    .description('A gateway for AI image and video generation.')
    .version(given.version)
    // Program options are taken before and after the command.
    .option('-c, --config <file>', 'the file of settings; default: litegen.yaml, if there is one');
  const files = (): Overrides => {
    const { config } = program.opts<{ readonly config?: string }>();
    return config === undefined ? {} : { configFile: config };
  };
  const host: CliHost = { ...given, loadConfig: () => given.loadConfig(files()) };
  program
    .command('start', { isDefault: true })
    .description('start the gateway (also without any command)')
    .option('--host <address>', 'the address to listen on')
    .option('-p, --port <number>', 'the port to listen on')
    .option('--master-key <key>', 'the key that may do everything; others on this machine can read it here, the environment is better')
    .option('--log-level <level>', 'the lowest severity that is logged: trace, debug, info, warn, error, fatal or silent')
    .allowExcessArguments(false)
    .action((options: StartOptions) => host.launch({ ...files(), settings: settingsOf(options) }));
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

  const ERRORS_DOCUMENT = 'docs/use/errors.md';
  generates(program.command('errors').description('list the error codes'), ERRORS_DOCUMENT)
    .option('--markdown', `print ${ERRORS_DOCUMENT}`)
    .action((options: DocumentOptions) => {
      if (wantsDocument(options)) settle(errorsDocument(), ERRORS_DOCUMENT, options);
      else for (const [code, { status, type }] of Object.entries(ERRORS)) terminal.out(`${status}  ${code}  ${type}\n`);
    });

  const CONFIGURATION = 'docs/operate/configuration.md';
  const EXAMPLE = 'litegen.example.yaml';
  generates(program.command('config').description('print the settings in force, without secrets'), CONFIGURATION)
    .option('--markdown', `print ${CONFIGURATION}`)
    .option('--example', `print ${EXAMPLE}, or write or check it`)
    .action((options: DocumentOptions) => {
      if (options.example === true) settle(exampleSettings(), EXAMPLE, options);
      else if (wantsDocument(options)) settle(configurationDocument(), CONFIGURATION, options);
      else terminal.out(stringify(redactedConfig(host.loadConfig().config)));
    });

  program
    .command('doctor')
    .description('check everything that can keep the gateway from working; ends with 1 when something does')
    .option('--online', 'also ask each configured vendor whether it takes the credential; costs nothing')
    .action((options: ExamineOptions) => doctor(host, options));
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

async function doctor(host: CliHost, options: ExamineOptions): Promise<void> {
  let worst: Finding['level'] = 'ok';
  for await (const finding of examine(host, options)) {
    const { level, subject, message, remedy } = finding;
    if (LEVELS[level] > LEVELS[worst]) worst = level;
    host.terminal.out(`${level.padEnd(4)}  ${subject.padEnd(8)}  ${message}${remedy === undefined ? '' : ` → ${remedy}`}\n`);
  }
  host.terminal.exitCode(worst === 'fail' ? 1 : 0);
}
