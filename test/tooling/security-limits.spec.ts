import { readFileSync } from 'node:fs';
import { maxHeaderSize } from 'node:http';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/platform/config/index.js';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, ROOT)), 'utf8');

/** Times are compared in milliseconds, everything else as it is. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 };

function limits(): { what: string; limit: string; where: string }[] {
  const [, section = ''] = read('docs/operate/security.md').split('\n## Limits\n');
  const [table = ''] = section.split('\n## ');
  const rows = table.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((line) => {
    const [, what = '', limit = '', where = ''] = line.split('|').map((cell) => cell.trim());
    return { what, limit, where };
  });
}

function told(limit: string): number {
  const [, number = '', unit = ''] = /^([\d,.]+)(?: (\w+))?/.exec(limit) ?? [];
  return Number(number.replaceAll(',', '')) * (UNITS[unit] ?? 1);
}

function unitOf(name: string): number {
  if (/seconds$/i.test(name)) return 1000;
  return /hours$/i.test(name) ? 3_600_000 : 1;
}

/** What the code has: a setting's default, or the constant of a file. */
function actual(where: string): number {
  const constant = /^`(\w+)` in `([\w./-]+)`$/.exec(where);
  if (constant !== null) {
    const [, name = '', path = ''] = constant;
    const text = new RegExp(`^(?:export )?const ${name} = ([\\d_.*\\s]+);`, 'm').exec(read(path))?.[1];
    const value = text?.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
    return (value ?? Number.NaN) * unitOf(name);
  }
  if (where === 'Node’s `maxHeaderSize`' || where === "Node's `maxHeaderSize`") return maxHeaderSize;
  const path = /^`([\w.]+)`$/.exec(where)?.[1] ?? '';
  const value = path
    .split('.')
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], configSchema.parse({}));
  return Number(value) * unitOf(path);
}

describe('the limits in docs/operate/security.md', () => {
  it('are many', () => {
    expect(limits().length).toBeGreaterThan(40);
  });

  it.each(limits())('$what: $limit', ({ limit, where }) => {
    expect([where, actual(where)]).toEqual([where, told(limit)]);
  });
});
