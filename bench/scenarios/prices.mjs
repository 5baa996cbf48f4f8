// Every published price of every model beside what the gateway quotes or settles for the same request.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/files.mjs';
import { makeDirectory } from '../lib/leavings.mjs';
import { table, verdict, verdictTable } from '../lib/report.mjs';

const COLUMNS = ['model', 'operation', 'case', 'published', 'ours', 'difference', 'read', 'source'];

export const title = 'prices: what the vendors publish and what the gateway makes of it, US dollars';

export async function run() {
  const { checks, gaps, problems, covered } = readPrices();
  const wrong = checks.filter(({ agrees }) => !agrees);
  const rows = checks.map((check) => ({
    model: check.model,
    operation: check.operation,
    case: check.case,
    published: check.publishedUsd ?? '–',
    ours: check.oursUsd ?? '–',
    difference: check.differenceUsd ?? '–',
    read: [check.confidence, check.checked].filter((part) => part !== null).join(' '),
    source: check.source ?? '',
  }));
  const verdicts = [
    verdict('published prices that differ', wrong.length, '=', 0, '', 0),
    verdict('operations and prices without a published figure', gaps.length + problems.length, '=', 0, '', 0),
  ];
  const text = [
    table(COLUMNS, rows),
    ...[...wrong.map((check) => `${check.model}, ${check.case}: ${check.problem}`), ...gaps, ...problems],
    verdictTable(verdicts),
    `${checks.length - wrong.length} of ${checks.length} fixtures to the cent, for ${covered} operations of models`,
  ];
  return { text, verdicts, figures: { fixtures: checks.length, wrong: wrong.length, gaps: gaps.length, covered } };
}

/** From a folder of its own, so that no setting and no model of this machine's operator is among them. */
function readPrices() {
  const command = spawnSync(process.execPath, [join(ROOT, 'dist/src/app/cli.js'), 'prices', '--json'], {
    cwd: makeDirectory('bench-prices'),
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (command.stdout === '') throw new Error(`litegen prices said nothing: ${command.stderr}`);
  return JSON.parse(command.stdout);
}
