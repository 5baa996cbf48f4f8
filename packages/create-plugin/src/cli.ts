#!/usr/bin/env node
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { idOfPackage, ScaffoldError, scaffold } from './scaffold.js';

const USAGE = `Usage: create-litegen-plugin <name> [--id <id>] [--dir <path>] [--javascript]

Writes a LiteGen provider plugin with a played vendor and a conformance test.

  <name>        the npm package's name, such as litegen-provider-acme
  --id          the provider's id and the prefix of its models (default: from the name)
  --dir         the folder to write to, new or empty (default: the name without its scope)
  --javascript  plain JavaScript with JSDoc types, without a build step (default: TypeScript)
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      id: { type: 'string' },
      dir: { type: 'string' },
      javascript: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [packageName, ...rest] = positionals;
  if (packageName === undefined || rest.length > 0) throw new ScaffoldError(`one name is needed\n\n${USAGE}`);
  const directory = resolve(values.dir ?? basename(packageName));
  const id = values.id ?? idOfPackage(packageName);
  const language = values.javascript ? 'javascript' : 'typescript';
  const files = await scaffold({ packageName, id, directory, language });
  process.stdout.write(`${directory}\n${files.map((file) => `  ${file}\n`).join('')}\nNext: cd there, npm install, npm test.\n`);
}

main().catch((error: unknown) => {
  const known = error instanceof ScaffoldError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${known ? (error as Error).message : String((error as Error).stack)}\n`);
  process.exitCode = 1;
});
