import { existsSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { idOfPackage, ScaffoldError, scaffold } from './scaffold.js';

const USAGE = `Usage: create-litegen-plugin <name> [--id <id>] [--dir <path>] [--javascript]

Writes a LiteGen provider plugin with a simulator of its vendor and a conformance test.

  <name>        the npm package's name, such as litegen-provider-acme
  --id          the provider's id and the prefix of its models (default: from the name)
  --dir         the folder to write to, new or empty (default: the name without its scope)
  --javascript  plain JavaScript with JSDoc types, without a build step (default: TypeScript)
`;

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        id: { type: 'string' },
        dir: { type: 'string' },
        javascript: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new ScaffoldError((error as Error).message);
  }
}

/** The SDK of the clone that this runs from; where it runs from a registry, npm finds the SDK there as well. */
const SDK = fileURLToPath(new URL('../../plugin-sdk', import.meta.url));

/** Commands for a shell, in the folder where this was called. */
function nextSteps(directory: string): string[] {
  const isClone = existsSync(resolve(SDK, 'package.json'));
  return [
    `cd ${quoted(relative(process.cwd(), directory) || '.')}`,
    isClone ? `npm install --save-dev ${quoted(SDK)}` : 'npm install',
    'npm test',
  ];
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What to tell the person at the terminal. @throws ScaffoldError when an argument is wrong. */
export async function run(args: readonly string[]): Promise<string> {
  const { values, positionals } = parse(args);
  if (values.help) return USAGE;
  const [packageName, ...rest] = positionals;
  if (packageName === undefined || rest.length > 0) throw new ScaffoldError(`one name is needed\n\n${USAGE}`);
  const directory = resolve(values.dir ?? basename(packageName));
  const id = values.id ?? idOfPackage(packageName);
  const language = values.javascript ? 'javascript' : 'typescript';
  const files = await scaffold({ packageName, id, directory, language });
  return `${directory}\n${files.map((file) => `  ${file}\n`).join('')}\nNext:\n${nextSteps(directory)
    .map((line) => `  ${line}\n`)
    .join('')}`;
}
