// What a CPU profile says, without a browser.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/files.mjs';
import { number, table } from './report.mjs';

const SHOWN = 40;
const IDLE = new Set(['(idle)', '(root)']);

/** Shares of the time that was not idle, by function, of every `.cpuprofile` of a folder. */
export function summarizeProfiles(folder) {
  if (!existsSync(folder)) return `no profile was written to ${folder}`;
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => `${name}\n${topOf(JSON.parse(readFileSync(join(folder, name), 'utf8')))}`)
    .join('\n\n');
}

function topOf({ nodes, samples, timeDeltas }) {
  const self = new Map();
  samples.forEach((id, index) => self.set(id, (self.get(id) ?? 0) + timeDeltas[index]));
  const byFunction = new Map();
  const total = new Map();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  let busy = 0;
  const visit = (id, path) => {
    const node = byId.get(id);
    const { functionName, url, lineNumber } = node.callFrame;
    const name = `${functionName || '(anonymous)'} ${place(url, lineNumber)}`.trim();
    const own = self.get(id) ?? 0;
    if (!IDLE.has(functionName)) {
      busy += own;
      byFunction.set(name, (byFunction.get(name) ?? 0) + own);
    }
    const isOutermost = !path.has(name);
    if (isOutermost) path.add(name);
    let sum = IDLE.has(functionName) ? 0 : own;
    for (const child of node.children ?? []) sum += visit(child, path);
    if (isOutermost) {
      path.delete(name);
      total.set(name, (total.get(name) ?? 0) + sum);
    }
    return sum;
  };
  visit(nodes[0].id, new Set());
  const share = (value) => `${number((value * 100) / busy, 1)} %`;
  const rows = [...byFunction.entries()].sort(([, left], [, right]) => right - left).slice(0, SHOWN);
  const bySelf = table(
    ['self', 'with callees', 'function'],
    rows.map(([name, value]) => ({ self: share(value), 'with callees': share(total.get(name)), function: name })),
  );
  const ours = [...total.entries()].filter(([name]) => /\bdist\//.test(name) && !/node_modules|node:/.test(name));
  const byTotal = table(
    ['with callees', 'function of ours'],
    ours
      .sort(([, left], [, right]) => right - left)
      .slice(0, SHOWN)
      .map(([name, value]) => ({ 'with callees': share(value), 'function of ours': name })),
  );
  return `${bySelf}\n\n${byTotal}`;
}

/** Relative to the repository; the rest of what Node loads is its own. */
function place(url, line) {
  const path = url.replace('file://', '').replace(`${ROOT}/`, '');
  return path === '' ? '' : `${path}:${line + 1}`;
}
