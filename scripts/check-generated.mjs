// Compares what is generated and committed with what the built gateway generates now.
//   node scripts/check-generated.mjs [--write]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildIfStale } from './build.mjs';
import { ROOT } from './files.mjs';

/** Each command prints its file, and nothing else, on stdout; or what stands in the file between `<!-- name -->` and `<!-- end -->`. */
const GENERATED = [
  { file: 'docs/openapi.json', command: ['dist/src/app/cli.js', 'openapi'] },
  { file: 'packages/plugin-sdk/schema/model.schema.json', command: ['dist/src/app/cli.js', 'model-schema'] },
  { file: 'docs/use/errors.md', command: ['dist/src/app/cli.js', 'errors', '--markdown'] },
  { file: 'docs/operate/configuration.md', command: ['dist/src/app/cli.js', 'config', '--markdown'] },
  { file: 'litegen.example.yaml', command: ['dist/src/app/cli.js', 'config', '--example'] },
  { file: 'docs/develop/architecture.md', part: 'transitions', command: ['scripts/transitions.mjs'] },
];

function generate(command) {
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`node ${command.join(' ')} failed:\n${stderr}`);
  return stdout;
}

/** The text with one part of it replaced. */
function withPart(file, text = '', part, content) {
  const begin = `<!-- ${part} -->\n`;
  const from = text.indexOf(begin);
  const to = text.indexOf('<!-- end -->', from);
  if (from < 0 || to < 0) throw new Error(`${file} has no place for ${part}, between <!-- ${part} --> and <!-- end -->`);
  return `${text.slice(0, from)}${begin}\n${content}\n${text.slice(to)}`;
}

/** Writes the file, or complains when it differs. */
function settle({ file, part, command }) {
  const path = join(ROOT, file);
  const committed = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const generated = generate(command);
  const current = part === undefined ? generated : withPart(file, committed, part, generated);
  if (committed === current) return;
  if (!process.argv.includes('--write')) throw new Error(`${file}: ${committed === undefined ? 'missing' : 'stale'}; npm run generate`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, current);
  console.log(`${file}: written`);
}

buildIfStale();
for (const generated of GENERATED) {
  try {
    settle(generated);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
