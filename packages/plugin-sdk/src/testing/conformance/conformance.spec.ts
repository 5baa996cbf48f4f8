import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scaffold } from '../../../../create-plugin/src/scaffold.js';
import { type ConformanceSetup, conformance, conformanceChecks, runConformance } from './index.js';
import type { ConformanceVendor } from './setup.js';

/** One way to break a plugin that keeps the contract: in a file of it, one text stands in place of another. */
interface Break {
  /** The check that has to notice, by the beginning of its name. */
  readonly check: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** What the failure says. */
  readonly says: RegExp;
  readonly setup?: Partial<ConformanceSetup>;
}

type VendorModule = {
  readonly startVendor: ConformanceVendor['start'];
  readonly genuineDelivery: NonNullable<ConformanceSetup['delivery']>;
  readonly SECRETS: Record<string, string>;
};

const SDK = fileURLToPath(new URL('../../..', import.meta.url));
const INDEX = 'src/index.js';
const HTTP = 'src/http.js';
const IMAGES = 'src/images.js';
const VIDEOS = 'src/videos.js';
const FETCH = 'await call.fetch((call.apiBase ?? API_BASE) + path, { ...init, headers })';
const EXPORT = 'export default plugin;';
const STATUS = 'return statusOf(await (await ask(call, pathOf(operation))).json());';
const fails = (answer: string) => `try { ${STATUS} } catch { return ${answer}; }`;
const FAILED = fails("{ state: 'failed', error: { code: 'internal', message: 'no', charged: 'no' } }");
const PENDING = fails("{ state: 'pending' }");

const status = (code: number, right: string, wrong: string): Break[] => [
  {
    check: `start under HTTP ${code}`,
    file: HTTP,
    from: `${code}: '${right}'`,
    to: `${code}: '${wrong}'`,
    says: new RegExp(`threw ${wrong}.*, not`),
  },
  { check: `status under HTTP ${code}`, file: VIDEOS, from: STATUS, to: PENDING, says: /"pending"/ },
];

const answers = (kind: string, says: RegExp): Break[] => [
  {
    check: `start under a ${kind} answer`,
    file: INDEX,
    from: EXPORT,
    to: `const { start } = image; image.start = (r, c) => start(r, c).catch((e) => { e.charged = 'no'; throw e; }); ${EXPORT}`,
    says: /says charged: no, not unknown/,
  },
  {
    check: `start under a ${kind} answer`,
    file: INDEX,
    from: EXPORT,
    to: `const { start } = image; image.start = (r, c) => start(r, c).catch((e) => { throw new Error(e.message); }); ${EXPORT}`,
    says,
  },
  { check: `status under a ${kind} answer`, file: VIDEOS, from: STATUS, to: FAILED, says: /answered .*failed.* instead of failing/ },
];

const wrapped = (name: string, body: string) => `const { ${name} } = video; video.${name} = ${body}; ${EXPORT}`;

const BREAKS: readonly Break[] = [
  { check: 'manifest:', file: 'package.json', from: '"spec": 1', to: '"spec": 7', says: /litegen\.spec is not 1/ },
  { check: 'manifest:', file: 'package.json', from: '"./src/index.js",\n    "models"', to: '"../x.js",\n    "models"', says: /leads out/ },
  { check: 'capabilities:', file: 'models/acme.yaml', from: 'acme/film-1', to: 'other/film-1', says: /does not begin with "acme\/"/ },
  ...(
    [
      [
        'models: [acme/film-1]',
        'models: [acme/film-2]',
        /prices\[1\] is about acme\/film-2.*no published figure for acme\/film-1 video\.generate/,
      ],
      ['operation: image.edit', 'operation: image.generate', /no published figure for acme\/paint-1 image\.edit/],
      ['published: $0.02', 'unpublished: why\n    published: $0.02', /prices\[0\] says not either/],
      ['checked: 2026-11-01', 'confidence: reported', /prices\[0\] has no source or no checked/],
    ] as const
  ).map(([from, to, says]): Break => ({ check: 'prices:', file: 'models/prices/acme.yaml', from, to, says })),
  { check: 'entry:', file: INDEX, from: "id: 'acme'", to: "id: 'acne'", says: /its id is "acne"/ },
  {
    check: 'create:',
    file: INDEX,
    from: 'create: () => ({',
    to: "create: () => (fetch('http://127.0.0.1:8099/ping').catch(() => undefined), {",
    says: /create\(\) opened .*127\.0\.0\.1:8099\/ping/,
  },
  { check: 'create:', file: INDEX, from: '    video,\n', to: '', says: /acme\/film-1 is a video model/ },
  { check: 'start: succeeds', file: IMAGES, from: ', submits: true', to: '', says: /no request of start was marked/ },
  { check: 'start: succeeds', file: IMAGES, from: 'outputs, vendor', to: 'outputs: [], vendor', says: /it has no outputs/ },
  { check: 'status: follows', file: VIDEOS, from: "case 'done'", to: "case 'finished'", says: /still pending after 60 polls/ },
  {
    check: 'operation:',
    file: INDEX,
    from: EXPORT,
    to: wrapped('status', 'async (o, c) => { if (!mine.has(o.id)) throw new Error("not my job"); return status(o, c); }').replace(
      EXPORT,
      `const mine = new Set(); const { start } = video;
       video.start = async (r, c) => { const s = await start(r, c); mine.add(s.operation.id); return s; }; ${EXPORT}`,
    ),
    says: /second process failed: .*not my job/s,
  },
  { check: 'operation:', file: VIDEOS, from: 'operation: { id }', to: 'operation: { id, at: new Date() }', says: /not plain JSON/ },
  {
    check: 'abort: a call given up before',
    file: IMAGES,
    from: 'const [init] = inputs;',
    to: 'const [init] = inputs; await fetch(call.apiBase + "/v1/account");',
    says: /still sent 1 request/,
  },
  {
    check: 'abort: a call given up after',
    file: HTTP,
    from: FETCH,
    to: `${FETCH}.catch(() => call.fetch(call.apiBase + path, { ...init, headers }))`,
    says: /says charged: no, though the vendor has the request/,
  },
  {
    check: 'abort: a call given up after',
    file: HTTP,
    from: FETCH,
    to: `${FETCH}.catch(() => new Promise(() => undefined))`,
    says: /did not end within 300 ms/,
    setup: { patienceMs: 300 },
  },
  { check: 'abort: a status', file: VIDEOS, from: STATUS, to: PENDING, says: /"pending"} instead of failing/ },
  { check: 'cancel:', file: VIDEOS, from: '      throw error;', to: "      return 'cancelled';", says: /never confirmed/ },
  { check: 'check:', file: INDEX, from: "'/v1/account')", to: "'/v1/account').catch(() => undefined)", says: /HTTP 401 answered/ },
  ...status(400, 'invalid_request', 'internal'),
  ...status(401, 'authentication_failed', 'internal'),
  ...status(403, 'permission_denied', 'internal'),
  ...status(404, 'invalid_request', 'internal'),
  ...status(408, 'timeout', 'rate_limited'),
  ...status(429, 'rate_limited', 'unavailable'),
  { check: 'start under HTTP 429', file: HTTP, from: 'Number(header) * 1000', to: 'Number(header)', says: /retryAfterMs 7, / },
  { check: 'start under HTTP 400', file: HTTP, from: 'submits && !refused', to: 'submits', says: /charged: unknown, not no/ },
  ...[500, 503].flatMap((code): Break[] => [
    { check: `start under HTTP ${code}`, file: HTTP, from: "? 'unavailable'", to: "? 'invalid_request'", says: /threw invalid_request/ },
    { check: `status under HTTP ${code}`, file: VIDEOS, from: STATUS, to: FAILED, says: /instead of failing/ },
  ]),
  ...['garbage', 'truncated', 'huge', 'slow', 'reset'].flatMap((kind) => answers(kind, /which is no ProviderError/)),
  {
    check: 'start on a vendor that cannot',
    file: INDEX,
    from: EXPORT,
    to: `const { start } = image; image.start = (r, c) => start(r, c).catch((e) => { e.charged = 'unknown'; throw e; }); ${EXPORT}`,
    says: /says charged: unknown, though nothing was sent/,
  },
  {
    check: 'secrets:',
    file: HTTP,
    from: 'throw await failureOf(',
    to: "throw new ProviderError('internal', headers.authorization); await failureOf(",
    says: /"apiKey" in its error/,
  },
  {
    check: 'secrets:',
    file: VIDEOS,
    from: 'operation: { id }',
    to: 'operation: { id, key: call.secret("apiKey") }',
    says: /"apiKey" in its operation/,
  },
  {
    check: 'secrets:',
    file: HTTP,
    from: 'const response =',
    to: "call.logger.debug('ask', headers); const response =",
    says: /"apiKey" in its logs/,
  },
  {
    check: 'secrets:',
    file: HTTP,
    from: 'throw await failureOf(response,',
    to: "throw new ProviderError('internal', 'x', { cause: { headers } }); if (!path) throw await failureOf(response,",
    says: /"apiKey" in its error/,
  },
  { check: 'egress:', file: HTTP, from: '(call.apiBase ?? API_BASE)', to: 'API_BASE', says: /api\.acme\.test.*not under call\.apiBase/ },
  {
    check: 'egress:',
    file: IMAGES,
    from: 'const [init] = inputs;',
    to: "const [init] = inputs; await fetch('http://127.0.0.1:8099/telemetry').catch(() => undefined);",
    says: /went past call\.fetch to .*telemetry/,
  },
  {
    check: 'egress:',
    file: IMAGES,
    from: '{ media: b64,',
    to: "{ media: { kind: 'url', url: 'https://elsewhere.test/1.png' },",
    says: /elsewhere\.test, which the gateway may not download from/,
  },
  { check: 'webhook:', file: VIDEOS, from: 'if (!isGenuine(delivery, call)) return null;', to: '', says: /believed a delivery|threw/ },
  {
    check: 'webhook:',
    file: VIDEOS,
    from: 'given.length === wanted.length && timingSafeEqual(given, wanted)',
    to: 'given.length > 0',
    says: /believed a delivery with/,
  },
  {
    check: 'webhook:',
    file: VIDEOS,
    from: 'call)) return null;',
    to: "call)) throw new Error('forged');",
    says: /instead of answering null/,
  },
  { check: 'webhook:', file: VIDEOS, from: "'acme-signature'", to: "'x-signature'", says: /refused a genuine delivery/ },
  { check: 'fuzz: no request', file: IMAGES, from: 'extra.style_code,', to: 'extra.style_code?.trim(),', says: /TypeError.*style_code/ },
  {
    check: 'fuzz: no JSON answer of the vendor makes start',
    file: IMAGES,
    from: 'Array.isArray(answer.images) ? answer.images : []',
    to: 'answer.images',
    says: /TypeError.*in the vendor's answer, /,
  },
  {
    check: 'fuzz: no JSON answer of the vendor makes start',
    file: IMAGES,
    from: "{ charged: 'unknown' }",
    to: '{}',
    says: /charged: no, though the vendor accepted/,
  },
  {
    check: 'fuzz: no JSON answer of the vendor makes status',
    file: VIDEOS,
    from: 'if (url === undefined || !/^https?:/.test(url) || !URL.canParse(url))',
    to: 'if (url === undefined)',
    says: /url is not an absolute URL/,
  },
];

let root: string;
let made = 0;

/** A fresh copy of the scaffolded plugin that a test may break. */
async function healthyPlugin(): Promise<{ directory: string; setup: ConformanceSetup }> {
  made += 1;
  const directory = join(root, `plugin-${made}`);
  await scaffold({ packageName: 'litegen-provider-acme', id: 'acme', directory, language: 'javascript' });
  await mkdir(join(directory, 'node_modules/@litegen'), { recursive: true });
  await symlink(SDK, join(directory, 'node_modules/@litegen/plugin-sdk'));
  const vendor = (await import(/* @vite-ignore */ pathToFileURL(join(directory, 'test/vendor.js')).href)) as VendorModule;
  const setup = {
    packageDirectory: directory,
    vendor: { start: vendor.startVendor },
    secrets: vendor.SECRETS,
    delivery: vendor.genuineDelivery,
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
    ['apiBasePath', { apiBasePath: '/proxy' }, 'start: succeeds', /invalid_request .*no such route/],
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
