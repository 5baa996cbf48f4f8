// What no linter says: files stay short, nothing is silenced or left half done, and the lockfile names no download server.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesOf, ROOT } from './files.mjs';

const MAX_LINES = 400;
const FOLDERS = ['src', 'migrations', 'packages', 'plugins', 'test', 'bench', 'scripts', 'examples'];
const SOURCE = /\.[cm]?[jt]sx?$/;
// In pieces, so that this file does not find itself.
const MARKS = [
  'eslint-' + 'disable',
  'biome-' + 'ignore',
  '@ts-' + 'ignore',
  '@ts-' + 'nocheck',
  'TO' + 'DO',
  'FIX' + 'ME',
  'forward' + 'Ref',
];

const problems = [];
for (const file of filesOf(FOLDERS, SOURCE)) {
  const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  if (count > MAX_LINES) problems.push(`${file}: ${count} lines; ${MAX_LINES} is the most`);
  lines.forEach((line, index) => {
    for (const mark of MARKS) if (line.includes(mark)) problems.push(`${file}:${index + 1}: ${mark}`);
  });
}
readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  .split('\n')
  .forEach((line, index) => {
    if (/"resolved": "https?:/.test(line)) problems.push(`package-lock.json:${index + 1}: a download address; .npmrc leaves them out`);
  });

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
