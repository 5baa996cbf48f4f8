import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scaffold } from '../../../../create-plugin/src/scaffold.js';
import { BREAKS, type Break, EXPORT, HTTP, INDEX } from '../../../test/conformance-breaks.js';
import type { HttpSimulator } from '../http-simulator.js';
import { type ConformanceSetup, conformance, conformanceChecks, runConformance } from './index.js';

type SimulatorModule = {
  readonly startSimulator: (options: { publicUrl: string }) => Promise<HttpSimulator>;
  readonly genuineDelivery: NonNullable<ConformanceSetup['delivery']>;
  readonly SECRETS: Record<string, string>;
};

const SDK = fileURLToPath(new URL('../../..', import.meta.url));
let root: string;
let made = 0;

/** A fresh copy of the scaffolded plugin that a test may break. */
async function healthyPlugin(): Promise<{ directory: string; setup: ConformanceSetup }> {
  made += 1;
  const directory = join(root, `plugin-${made}`);
  await scaffold({ packageName: 'litegen-provider-acme', id: 'acme', directory, language: 'javascript' });
  await mkdir(join(directory, 'node_modules/@litegen'), { recursive: true });
  await symlink(SDK, join(directory, 'node_modules/@litegen/plugin-sdk'));
  const { href } = pathToFileURL(join(directory, 'simulator/index.js'));
  const { startSimulator, SECRETS, genuineDelivery } = (await import(/* @vite-ignore */ href)) as SimulatorModule;
  const setup = {
    packageDirectory: directory,
    vendor: {
      start: async (publicUrl: string) => {
        const simulator = await startSimulator({ publicUrl });
        return { baseUrl: simulator.origin, close: simulator.close };
      },
    },
    secrets: SECRETS,
    delivery: genuineDelivery,
  };
  return { directory, setup };
}

async function plant(directory: string, { file, from, to }: Pick<Break, 'file' | 'from' | 'to'>): Promise<void> {
  const path = join(directory, file);
  const text = await readFile(path, 'utf8');
  expect(text, `${file} holds what the test breaks`).toContain(from);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
}

describe('the conformance kit', () => {
  beforeAll(async () => {
    // The second process has no loader for TypeScript, so it runs what is built.
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    execFileSync(process.execPath, [tsc, '-b', SDK]);
    root = await mkdtemp(join(tmpdir(), 'litegen-conformance-'));
  }, 120_000);
  afterAll(() => rm(root, { recursive: true }));

  it('passes a plugin that keeps the contract', { timeout: 60_000 }, async () => {
    const report = await runConformance((await healthyPlugin()).setup);
    expect(report.checks.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
    expect(report.passed).toBe(true);
  });

  it.each(BREAKS)('$check catches $file with $to', { timeout: 30_000 }, async ({ check: name, says, setup: extra, ...planted }) => {
    const { directory, setup } = await healthyPlugin();
    await plant(directory, planted);
    const checks = conformanceChecks({ ...setup, ...extra }).filter((check) => check.name.startsWith(name));
    expect(checks.map((check) => check.name)).toHaveLength(1);
    await expect(checks[0]?.run()).rejects.toThrow(says);
  });

  it('plants a break for every check', () => {
    const names = conformanceChecks({ packageDirectory: '/', vendor: { start: () => Promise.reject(new Error('unused')) } });
    expect(names.filter(({ name }) => !BREAKS.some(({ check }) => name.startsWith(check)))).toEqual([]);
  });

  it('says what does not apply to a plugin without jobs', { timeout: 60_000 }, async () => {
    const { setup } = await healthyPlugin();
    const checks = conformanceChecks({ ...setup, models: ['acme/paint-1'] });
    const outcomes = await Promise.all(
      checks.filter(({ name }) => /^(status|operation|cancel|webhook)/.test(name)).map(async ({ run }) => run()),
    );
    expect(outcomes.length).toBeGreaterThan(10);
    expect(new Set(outcomes)).toEqual(new Set(['not_applicable']));
  });

  it.each<[string, Partial<ConformanceSetup>, string, RegExp]>([
    ['errorBody', { errorBody: () => ({ error: { code: 'no_credit' } }) }, 'start under HTTP 401', /threw quota_exhausted/],
    ['fuzzCases', { fuzzCases: 0 }, 'fuzz: no request', /none of 0 generated requests/],
    ['modelsDirectory', { modelsDirectory: './test' }, 'start: succeeds', /no model to try/],
    ['models', { models: ['acme/none'] }, 'start: succeeds', /no model "acme\/none"/],
    ['apiBasePath', { apiBasePath: '/proxy' }, 'start: succeeds', /unsupported .*no such route/],
    ['secrets', { secrets: { apiKey: 'another-key' } }, 'start: succeeds', /authentication_failed/],
    ['delivery', { delivery: undefined }, 'webhook:', /must make a genuine delivery/],
  ])('heeds %s of the setup', async (_what, extra, name, says) => {
    const { setup } = await healthyPlugin();
    const check = conformanceChecks({ ...setup, ...extra }).find((each) => each.name.startsWith(name));
    await expect(check?.run()).rejects.toThrow(says);
  });

  it('hands the operator’s options to create and to every call', async () => {
    const { directory, setup } = await healthyPlugin();
    await plant(directory, { file: INDEX, from: 'create: () => ({', to: 'create: ({ options }) => (seen.push(options.region), {' });
    await plant(directory, { file: INDEX, from: EXPORT, to: `const seen = []; export { seen }; ${EXPORT}` });
    await plant(directory, { file: HTTP, from: 'authorization: `', to: "[call.options.region === 'eu' ? 'authorization' : 'x']: `" });
    const publicUrls: string[] = [];
    const options = (publicUrl: string) => {
      publicUrls.push(publicUrl);
      return { region: 'eu' };
    };
    const check = conformanceChecks({ ...setup, options }).find(({ name }) => name.startsWith('start: succeeds'));
    await expect(check?.run()).resolves.toBe('passed');
    expect(publicUrls[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { seen } = (await import(/* @vite-ignore */ pathToFileURL(join(directory, INDEX)).href)) as { seen: string[] };
    expect(new Set(seen)).toEqual(new Set(['eu']));
  });

  it('registers every check with the runner it is given', async () => {
    const { directory, setup } = await healthyPlugin();
    await plant(directory, { file: INDEX, from: "id: 'acme'", to: "id: 'acne'" });
    const tests = new Map<string, () => Promise<void>>();
    const groups: string[] = [];
    conformance('acme', setup, {
      describe: (name, define) => {
        groups.push(name);
        define();
      },
      it: (name, run) => tests.set(name, run),
    });
    expect(groups).toEqual(['acme keeps the plugin contract']);
    expect([...tests.keys()]).toEqual(conformanceChecks(setup).map(({ name }) => name));
    await expect(tests.get('manifest: package.json describes a plugin')?.()).resolves.toBeUndefined();
    await expect(tests.get('entry: the default export is the plugin that the manifest names')?.()).rejects.toThrow(/acne/);
  });
});
