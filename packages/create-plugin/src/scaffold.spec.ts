import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './command.js';
import { idOfPackage, scaffold } from './scaffold.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SDK = join(ROOT, 'packages/plugin-sdk');
const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

interface Finished {
  readonly code: number;
  readonly output: string;
}

function node(args: readonly string[], cwd: string): Promise<Finished> {
  // A test runner's variables would make a nested one report to it.
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [...args], { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    });
  });
}

describe('create-litegen-plugin', () => {
  let root: string;
  let sdk: string;

  /** An installed plugin: the package under test, with what `npm install` would put beside it. */
  async function installed(name: string, ...options: string[]): Promise<string> {
    const directory = join(root, name);
    await run([`litegen-provider-${name}`, '--dir', directory, ...options]);
    const modules = join(directory, 'node_modules');
    await mkdir(join(modules, '@litegen'), { recursive: true });
    await mkdir(join(modules, '@types'), { recursive: true });
    await symlink(sdk, join(modules, '@litegen/plugin-sdk'));
    await symlink(join(ROOT, 'node_modules/@types/node'), join(modules, '@types/node'));
    return directory;
  }

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'create-litegen-plugin-'));
    sdk = join(root, 'plugin-sdk');
    await mkdir(sdk);
    const built = await node([TSC, '-p', SDK, '--outDir', join(sdk, 'dist'), '--composite', 'false', '--incremental', 'false'], ROOT);
    expect(built).toEqual({ code: 0, output: '' });
    await copyFile(join(SDK, 'package.json'), join(sdk, 'package.json'));
    await symlink(join(SDK, 'schema'), join(sdk, 'schema'));
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  }, 120_000);
  afterAll(() => rm(root, { recursive: true }));

  it('writes a JavaScript plugin that is typed and passes its own tests without a build', { timeout: 120_000 }, async () => {
    const directory = await installed('my-vendor', '--javascript');
    const check = ['--noEmit', '--allowJs', '--checkJs', '--strict', '--noUncheckedIndexedAccess', '--skipLibCheck'];
    const sources = ['simulator/index.js', ...(await readdir(join(directory, 'src'))).map((name) => `src/${name}`)];
    const types = await node([TSC, ...check, '--target', 'es2023', '--module', 'nodenext', '--types', 'node', ...sources], directory);
    expect(types).toEqual({ code: 0, output: '' });
    await expectPassing(directory);
  });

  it('writes a TypeScript plugin that builds and passes its own tests', { timeout: 120_000 }, async () => {
    const directory = await installed('vendor2');
    expect(await node([TSC], directory)).toEqual({ code: 0, output: '' });
    await expectPassing(directory);
  });

  it('writes tests that fail when the plugin breaks', { timeout: 120_000 }, async () => {
    const directory = await installed('broken', '--javascript');
    const path = join(directory, 'src/videos.js');
    await writeFile(path, (await readFile(path, 'utf8')).replace('operation: { id,', 'operation: { id, key: call.secret("apiKey"),'));
    const { code, output } = await testRun(directory);
    expect(code).not.toBe(0);
    expect(output).toMatch(/not ok \d+ - secrets: never appear/);
  });

  it('puts the author’s name wherever the invented vendor’s stood', async () => {
    const directory = join(root, 'renamed');
    await scaffold({ packageName: '@studio/pix-els', id: 'pix-els', directory, language: 'typescript' });
    const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
    expect(manifest).toMatchObject({
      name: '@studio/pix-els',
      litegen: {
        id: 'pix-els',
        displayName: 'Pix Els',
        secrets: { apiKey: ['PIX_ELS_API_KEY'] },
        apiBaseEnvironment: ['PIX_ELS_API_BASE'],
      },
    });
    const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['.gitignore', 'pix-els.yaml', 'index.ts', 'index.js', 'tsconfig.json']),
    );
    for (const { parentPath, name } of files) expect(await readFile(join(parentPath, name), 'utf8'), name).not.toMatch(/acme/i);
  });

  it('takes the id from the package’s name', () => {
    expect(idOfPackage('litegen-provider-acme')).toBe('acme');
    expect(idOfPackage('@studio/litegen-plugin-my-vendor')).toBe('my-vendor');
    expect(idOfPackage('pixels')).toBe('pixels');
  });

  it('refuses wrong arguments and never writes over a folder', async () => {
    const directory = join(root, 'taken');
    await mkdir(directory);
    await writeFile(join(directory, 'mine.txt'), 'mine');
    await expect(run(['litegen-provider-x', '--dir', directory])).rejects.toThrow(/is not empty/);
    expect(await readdir(directory)).toEqual(['mine.txt']);
    await expect(run([])).rejects.toThrow(/one name is needed/);
    await expect(run(['a', 'b'])).rejects.toThrow(/one name is needed/);
    await expect(run(['a', '--colour'])).rejects.toThrow(/--colour/);
    await expect(run(['x', '--id', 'Not An Id', '--dir', join(root, 'none')])).rejects.toThrow(/no provider id/);
    await expect(run(['../up', '--id', 'up', '--dir', join(root, 'none')])).rejects.toThrow(/no npm package name/);
    expect(await run(['--help'])).toMatch(/^Usage: create-litegen-plugin/);
  });

  function testRun(directory: string): Promise<Finished> {
    return node(['--test', '--test-reporter=tap', 'test/conformance.test.js', 'test/plugin.test.js'], directory);
  }

  async function expectPassing(directory: string): Promise<void> {
    const { code, output } = await testRun(directory);
    expect(output.match(/^ *not ok .*$/gm)).toBeNull();
    expect(code, output).toBe(0);
    expect(output).toMatch(/ok \d+ - webhook: a genuine delivery is read/);
    expect(Number(/^# pass (\d+)/m.exec(output)?.[1])).toBeGreaterThan(40);
  }
});
