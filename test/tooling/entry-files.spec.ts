import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const NEST = join(ROOT, 'node_modules/@nestjs/cli/bin/nest.js');
const { sourceRoot, entryFile } = JSON.parse(readFileSync(join(ROOT, 'nest-cli.json'), 'utf8')) as {
  sourceRoot: string;
  entryFile: string;
};
/** Where `nest start` looks, below the output folder. */
const ENTRY = join(sourceRoot, `${entryFile}.js`);

function programs(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .sort();
}

describe('`nest build`', () => {
  // Nest's CLI writes nowhere outside the project.
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'nest-build-'));
  const output = join(folder, 'dist');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('makes the same programs as `npm run build`', { timeout: 180_000 }, () => {
    const project = join(folder, 'tsconfig.json');
    writeFileSync(project, JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: { outDir: './dist' } }));
    const built = spawnSync(process.execPath, [NEST, 'build', '--path', relative(ROOT, project)], { cwd: ROOT, encoding: 'utf8' });
    expect({ status: built.status, stderr: built.stderr }, built.stdout).toEqual({ status: 0, stderr: '' });
    expect(programs(output)).toContain(ENTRY);
    expect(programs(output)).toEqual(programs(join(ROOT, 'dist')));
    const differing = programs(output).filter(
      (file) => readFileSync(join(output, file), 'utf8') !== readFileSync(join(ROOT, 'dist', file), 'utf8'),
    );
    expect(differing).toEqual([]);
    // Loads all that its commands need, and starts nothing.
    const help = spawnSync(process.execPath, [join(output, 'src/app/cli.js'), '--help'], { cwd: folder, encoding: 'utf8' });
    expect(help).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('the file that a program is started with is there after the build', () => {
  const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

  it.each(['package.json', 'Dockerfile', 'scripts/start.mjs', 'scripts/dev.mjs'])('%s', (file) => {
    const named = [...read(file).matchAll(/\bdist\/[\w/-]+\.js\b/g)].map(([path]) => path);
    expect(named).not.toEqual([]);
    for (const path of named) expect(existsSync(join(ROOT, path)), path).toBe(true);
  });

  it('nest-cli.json', () => expect(existsSync(join(ROOT, 'dist', ENTRY))).toBe(true));
});
