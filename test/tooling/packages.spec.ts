import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = resolve(import.meta.dirname, '../..');
const MANIFESTS = [
  'package.json',
  ...['packages', 'plugins'].flatMap((group) => readdirSync(join(ROOT, group)).map((name) => `${group}/${name}/package.json`)),
];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly publishConfig: object;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly exports?: unknown;
  readonly bin?: Readonly<Record<string, string>>;
  readonly litegen?: { readonly entry: string; readonly models: string };
}

interface Workflow {
  readonly on: object;
  readonly jobs: Readonly<
    Record<
      string,
      { readonly uses?: string; readonly steps?: readonly { readonly run?: string; readonly env?: Readonly<Record<string, string>> }[] }
    >
  >;
}

const manifestOf = (file: string, root = ROOT) => JSON.parse(readFileSync(join(root, file), 'utf8')) as Manifest;

/** The files that a manifest leads to, wherever it names them. */
function targets(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return value === null || typeof value !== 'object' ? [] : Object.values(value).flatMap(targets);
}

describe('what is published', () => {
  const packed = new Map<string, readonly string[]>();

  beforeAll(() => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--workspaces', '--include-workspace-root'];
    const answer = execFileSync('npm', args, {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      shell: process.platform === 'win32',
    });
    const packages = JSON.parse(answer) as { name: string; files: { path: string }[] }[];
    for (const { name, files } of packages)
      packed.set(
        name,
        files.map(({ path }) => path),
      );
  }, 120_000);

  it('is the gateway, the contract, the scaffolder and the plugins', () => {
    expect([...packed.keys()].sort()).toEqual([
      '@litegen/plugin-sdk',
      'create-litegen-plugin',
      'litegen',
      'litegen-provider-fal',
      'litegen-provider-mock',
      'litegen-provider-openai',
      'litegen-provider-openai-compatible',
    ]);
  });

  it.each(MANIFESTS)('has all that it names and nothing of our own: %s', (file) => {
    const { name, license, publishConfig, exports, bin, litegen } = manifestOf(file);
    const files = packed.get(name) ?? [];
    expect({ license, publishConfig }).toEqual({ license: 'MIT', publishConfig: { access: 'public', provenance: true } });
    for (const path of ['package.json', 'README.md', ...targets([exports, bin, litegen?.entry])])
      expect(files).toContain(path.replace(/^\.\//, ''));
    // npm would publish the manifest with a correction of its own, and a warning.
    expect(targets(bin).filter((path) => path.startsWith('./'))).toEqual([]);
    if (litegen !== undefined) expect(files.some((path) => /^models\/[^/]+\.yaml$/.test(path))).toBe(true);
    expect(files.filter((path) => /\.spec\.|(^|\/)node_modules\/|\.tsbuildinfo$|^(src|test)\//.test(path))).toEqual([]);
  });

  it('carries the plugins with the gateway, and what it starts with', () => {
    const files = packed.get('litegen') ?? [];
    for (const plugin of readdirSync(join(ROOT, 'plugins'))) {
      for (const part of ['package.json', 'dist/index.js']) expect(files).toContain(`plugins/${plugin}/${part}`);
    }
    expect(files).toContain('dist/src/app/main.js');
    expect(files.filter((path) => path.startsWith('dist/migrations/')).length).toBeGreaterThan(0);
    expect(files.filter((path) => path.endsWith('.map'))).toEqual([]);
  });
});

describe('a release', () => {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-release-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A repository with what sets versions, before a release that these changes wait for. */
  function release(changes: Readonly<Record<string, 'minor' | 'patch'>>): void {
    rmSync(folder, { recursive: true, force: true });
    const files = [...MANIFESTS, 'CHANGELOG.md', '.changeset/config.json', 'scripts/changeset.mjs', 'scripts/files.mjs'];
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      cpSync(join(ROOT, file), join(folder, file));
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const lines = Object.entries(changes).map(([name, bump]) => `'${name}': ${bump}\n`);
    writeFileSync(join(folder, '.changeset/one.md'), `---\n${lines.join('')}---\n\nPaint dries faster.\n`);
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=Tests', '-c', 'user.email=tests@localhost', ...args], { cwd: folder, stdio: 'ignore' });
    git('init', '-q', '-b', 'main');
    git('add', '.');
    git('commit', '-qm', 'a change');
    execFileSync(process.execPath, [join(folder, 'scripts/changeset.mjs'), 'version'], { cwd: folder, stdio: 'ignore' });
  }
  const next = ({ version }: Manifest) => version.replace(/\.(\d+)\.\d+$/, (_all, minor: string) => `.${Number(minor) + 1}.0`);

  it('gives the gateway and the plugins that it carries one version', { timeout: 60_000 }, () => {
    release({ 'litegen-provider-mock': 'minor' });
    const carried = MANIFESTS.filter((file) => !file.startsWith('packages/'));
    expect(new Set(carried.map((file) => manifestOf(file, folder).version))).toEqual(new Set([next(manifestOf('package.json'))]));
    expect(manifestOf('package.json', folder).workspaces).toEqual(manifestOf('package.json').workspaces);
    const sdk = 'packages/plugin-sdk/package.json';
    expect(manifestOf(sdk, folder)).toEqual(manifestOf(sdk));
  });

  it('tells of the gateway at the top of its changelog', { timeout: 60_000 }, () => {
    release({ litegen: 'minor' });
    const [title, , version, ...rest] = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8').split('\n');
    expect([title, version]).toEqual(['# Changelog', `## ${next(manifestOf('package.json'))}`]);
    expect(rest.slice(0, 5).join('\n')).toContain('Paint dries faster.');
  });

  it('leaves the plugins on the contract that they were written for when it gains something', { timeout: 60_000 }, () => {
    release({ '@litegen/plugin-sdk': 'minor' });
    const contract = manifestOf('packages/plugin-sdk/package.json', folder);
    expect(contract.version).toBe(next(manifestOf('packages/plugin-sdk/package.json')));
    expect(manifestOf('package.json', folder).dependencies?.['@litegen/plugin-sdk']).toBe(contract.version);
    const plugin = manifestOf('plugins/mock/package.json');
    const { peerDependencies, version } = manifestOf('plugins/mock/package.json', folder);
    expect(peerDependencies).toEqual(plugin.peerDependencies);
    expect(version.split('.')[0]).toBe(plugin.version.split('.')[0]);
  });

  it('comes after .ci/run, and bears its provenance', () => {
    const workflow = (name: string) => parse(readFileSync(join(ROOT, '.github/workflows', `${name}.yml`), 'utf8')) as Workflow;
    const { jobs } = workflow('release');
    expect(jobs['release']).toMatchObject({ needs: 'ci', permissions: { 'id-token': 'write' } });
    expect(jobs['ci']?.uses).toBe('./.github/workflows/ci.yml');
    const { on, jobs: checks } = workflow('ci');
    expect(on).toHaveProperty('workflow_call');
    expect(checks['test']?.steps?.at(-1)).toEqual({ run: '.ci/run' });
    const steps = jobs['release']?.steps ?? [];
    expect(steps.filter(({ run }) => run?.includes('release:publish')).map(({ env }) => env?.['NPM_CONFIG_PROVENANCE'])).toEqual(['true']);
  });
});
