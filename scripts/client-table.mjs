// The tables of docs/use/clients.md: which client's which call came to what in the run that wrote them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files.mjs';

const DOCUMENT = join(ROOT, 'docs/use/clients.md');

/** One line for each client's call; of several tries all must have worked. */
function tableOf(rows) {
  const results = new Map();
  for (const { client, call, result } of rows) {
    const line = `| ${client} | ${call} |`;
    results.set(line, results.get(line) === 'fails' ? 'fails' : result);
  }
  return ['| client | call | result |', '|---|---|---|', ...[...results].map(([line, result]) => `${line} ${result} |`), ''].join('\n');
}

/**
 * Whether the document's table that `script` writes is what it found; with `--write` it becomes so.
 * @param script its name, without a folder
 * @param rows of `client`, `call` and `result` (`works` or `fails`), in the order of the table
 */
export function settleTable(script, rows) {
  const text = readFileSync(DOCUMENT, 'utf8');
  const begin = `<!-- what \`node scripts/${script} --write\` found -->\n`;
  const end = '<!-- end -->';
  const from = text.indexOf(begin);
  if (from < 0) throw new Error(`docs/use/clients.md has no place for the table of ${script}.`);
  const current = `${text.slice(0, from)}${begin}\n${tableOf(rows)}\n${text.slice(text.indexOf(end, from))}`;
  if (current === text) return true;
  if (!process.argv.includes('--write')) {
    console.error(`docs/use/clients.md: a table is stale; node scripts/${script} --write`);
    return false;
  }
  writeFileSync(DOCUMENT, current);
  return true;
}
