import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const NPM_TEST = join(ROOT, 'scripts/test.mjs');

const SUITES = {
  'a test without a database': `it('holds', () => expect(1).toBe(WANTED));`,
  'a test on Postgres': `
    import { postgresDatabase } from ${JSON.stringify(join(ROOT, 'test/support/databases.js'))};
    const { name } = postgresDatabase();
    it('holds', () => expect([name, 1]).toEqual(['postgres', WANTED]));`,
} as const;

/** What the project's own settings make of one file of tests. */
describe('the exit code of a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-exit-code-'));
  const config = join(folder, 'vitest.config.mts');
  beforeAll(() =>
    writeFileSync(
      config,
      `import base from ${JSON.stringify(join(ROOT, 'vitest.config.ts'))};
       const test = { ...base.test, root: ${JSON.stringify(ROOT)}, dir: ${JSON.stringify(folder)}, include: ['**/*.spec.ts'], globals: true };
       export default { ...base, root: ${JSON.stringify(ROOT)}, test };`,
    ),
  );
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The code, and what was printed. */
  function run(
    script: string,
    args: readonly string[],
    more: Record<string, string> = {},
  ): Promise<{ code: number | null; output: string }> {
    const { TEST_DATABASE_URL: _external, TEST_RERUN: _rerun, VITEST: _nested, ...env } = process.env;
    const child = spawn(process.execPath, [script, ...args, '--config', config], { cwd: ROOT, env: { ...env, NODE_ENV: 'test', ...more } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return new Promise((done) => child.once('close', (code) => done({ code, output })));
  }

  it.each(Object.keys(SUITES) as (keyof typeof SUITES)[])('tells whether %s failed', { timeout: 180_000 }, async (kind) => {
    writeFileSync(join(folder, 'one.spec.ts'), SUITES[kind].replace('WANTED', '2'));
    for (const [script, args] of [
      [VITEST, ['run']],
      [NPM_TEST, []],
    ] as const) {
      const { code, output } = await run(script, args);
      expect(output).toMatch(/1 failed/);
      expect(code, output).toBe(1);
    }
    writeFileSync(join(folder, 'one.spec.ts'), SUITES[kind].replace('WANTED', '1'));
    const { code, output } = await run(VITEST, ['run']);
    expect(code, output).toBe(0);
  });

  it.each([
    [
      'a failure that comes once is listed as flaky',
      'existsSync(MARK)',
      0,
      /flaky, passed when run again alone:\n {2}\S*one\.spec\.ts > holds\n[\s\S]*tests: 1 passed, 0 failed\n$/,
    ],
    ['a failure that comes again fails', 'false', 1, /failed again:\n {2}\S*one\.spec\.ts > holds\n[\s\S]*tests: 0 passed, 1 failed\n$/],
  ])('with TEST_RERUN=1: %s', { timeout: 180_000 }, async (_what, holds, wanted, says) => {
    writeFileSync(
      join(folder, 'one.spec.ts'),
      `import { existsSync, writeFileSync } from 'node:fs';
       const MARK = ${JSON.stringify(join(folder, 'mark'))};
       it('holds', () => { const held = ${holds}; writeFileSync(MARK, ''); expect(held).toBe(true); });`,
    );
    const { code, output } = await run(NPM_TEST, [], { TEST_RERUN: '1' });
    rmSync(join(folder, 'mark'), { force: true });
    expect(output).toMatch(says);
    expect(code, output).toBe(wanted);
  });
});
