import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'litegen-api-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function report(...options: readonly string[]) {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/api-report.mjs'), folder, ...options], { encoding: 'utf8' });
  return { status, stderr };
}

it('fails for a changed type of the plugin contract until the report says so too', { timeout: 120_000 }, () => {
  for (const part of ['package.json', 'dist', 'etc'])
    cpSync(join(ROOT, 'packages/plugin-sdk', part), join(folder, part), { recursive: true });
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(ROOT, 'tsconfig.base.json'), include: ['dist'] }));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  expect(report()).toEqual({ status: 0, stderr: '' });

  for (const [file, field, stale] of [
    // In what no entry point exports and yet every request has.
    ['dist/request.d.ts', 'readonly prompt', 'plugin-sdk'],
    ['dist/testing/conformance/setup.d.ts', 'readonly patienceMs', 'plugin-sdk-testing'],
  ] as const) {
    const declared = readFileSync(join(folder, file), 'utf8');
    expect(declared).toContain(field);
    writeFileSync(join(folder, file), declared.replace(field, `${field}Renamed`));
    expect(report()).toEqual({ status: 1, stderr: `etc/${stale}.api.md: not what is exported now; npm run generate\n` });
    expect(report('--write')).toEqual({ status: 0, stderr: '' });
    expect(report()).toEqual({ status: 0, stderr: '' });
  }
});
