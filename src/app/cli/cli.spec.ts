import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../../migrations/index.js';
import { databases } from '../../../test/support/databases.js';
import { hasRedis, RedisServer } from '../../../test/support/redis.js';
import { ConfigError, configSchema, loadConfig } from '../../platform/config/index.js';
import { closeDataSources, openDataSources } from '../../platform/database/index.js';
import { SecretRegistry } from '../../platform/security/index.js';
import { createApplication } from '../http/application.js';
import { buildOpenApi } from '../http/openapi-generation.js';
import { PACKAGE_ROOT, VERSION } from '../version.js';
import { settings } from './configuration-document.js';
import type { PriceReport } from './list-prices.js';
import { createProgram } from './program.js';

interface Run {
  readonly out: string;
  readonly error: string;
  readonly code: number;
}

const folder = mkdtempSync(join(tmpdir(), 'litegen-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One command, in an environment of its own. */
async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  host: { root?: string; nodeVersion?: string } = {},
): Promise<Run> {
  let out = '';
  let error = '';
  let code = 0;
  const program = createProgram({
    version: VERSION,
    root: host.root ?? PACKAGE_ROOT,
    nodeRange: '>=20.19.0',
    nodeVersion: host.nodeVersion ?? process.version,
    migrations: MIGRATIONS,
    terminal: { out: (text) => (out += text), error: (text) => (error += text), exitCode: (value) => (code = value) },
    launch: async () => undefined,
    loadConfig: (overrides) =>
      loadConfig(
        { LITEGEN__DATABASE_URL: `sqlite://${join(folder, 'no.db')}`, LITEGEN__STORAGE__PATH: join(folder, 'blobs'), ...environment },
        folder,
        overrides,
      ),
    createApplication: (config) =>
      createApplication(config, { secrets: new SecretRegistry(), logger: { log() {}, warn() {}, error() {} } }),
    buildOpenApi,
  });
  await program.parseAsync(args, { from: 'user' });
  return { out, error, code };
}

function lines(text: string, level: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(level));
}

describe('generated files', () => {
  it('are the same on every run', async () => {
    const first = await run(['openapi']);
    expect((await run(['openapi'], { LITEGEN__SERVER__PORT: '1', FAL_KEY: 'x' })).out).toBe(first.out);
    const document = JSON.parse(first.out) as { openapi: string; paths: object };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/v1/models/{id}', '/v1/generations/{id}', '/health/ready']));
  });

  it.each([
    ['model-schema', 'packages/plugin-sdk/schema/model.schema.json'],
    ['errors', 'docs/use/errors.md'],
    ['config', 'docs/operate/configuration.md'],
  ])('%s: --check tells a missing, a stale and a current file apart', async (command, file) => {
    const root = mkdtempSync(join(folder, 'root-'));
    expect(await run([command, '--check'], {}, { root })).toMatchObject({ code: 1, error: expect.stringContaining('missing') });
    await run([command, '--out', join(root, file)], {}, { root });
    expect(await run([command, '--check'], {}, { root })).toEqual({ code: 0, error: '', out: '' });
    writeFileSync(join(root, file), `${readFileSync(join(root, file), 'utf8')} `);
    expect(await run([command, '--check'], {}, { root })).toMatchObject({ code: 1, error: expect.stringContaining('stale') });
  });

  it('describe every setting of the schema', () => {
    const known = settings();
    expect(known.find(({ path }) => path === 'server.port')).toEqual({
      path: 'server.port',
      type: 'whole number, 0 to 65535',
      default: '4000',
      description: expect.stringContaining('port'),
    });
    expect(known.map(({ path }) => path)).toEqual(expect.arrayContaining(['providers.<id>.api_key', 'storage.s3.bucket_name', 'mode']));
  });
});

describe('config', () => {
  it('prints what is in force without any secret', async () => {
    const environment = {
      LITEGEN__MASTER_KEY: 'canary-master',
      LITEGEN__SECRETS_KEY: Buffer.alloc(32, 'canary-').toString('base64'),
      LITEGEN__DATABASE_URL: 'postgres://user:canary-password@db.test/litegen',
      LITEGEN__PROVIDERS__ACME: JSON.stringify({
        api_key: 'canary-key',
        key_id: 'canary-id',
        key_secret: 'canary-secret',
        secrets: { webhook: 'canary-webhook' },
        options: { header: 'canary-option' },
        api_base: 'https://user:canary-base@api.test',
      }),
      LITEGEN__STORAGE__S3: JSON.stringify({ bucket_name: 'files', access_key_id: 'canary-access', secret_access_key: 'canary-s3' }),
      LITEGEN__SERVER__PORT: '4321',
    };
    const { out } = await run(['config'], environment);
    expect(out).not.toMatch(/canary|Y2FuYXJ5/);
    expect(out).toContain('port: 4321');
    expect(out).toContain('postgres://user:[set]@db.test/litegen');
    expect(out).toContain('bucket_name: files');
    expect(out).toContain('webhook: "[set]"');
  });
});

describe('doctor', () => {
  it('finds nothing wrong with a fresh clone', async () => {
    const { out, code } = await run(['doctor']);
    expect(lines(out, 'fail')).toEqual([]);
    expect(code).toBe(0);
    expect(out).toMatch(/^ok {4}provider {2}mock .*can be called$/m);
    expect(out).toMatch(/^skip {2}provider {2}fal .*is not configured; set FAL_KEY$/m);
  });

  it.each([
    ['an old Node', {}, { nodeVersion: 'v18.20.0' }, /node .*needed is >=20.19.0 → Install/],
    ['a wrong setting', { LITEGEN__SERVER__PORT: 'x' }, {}, /settings .*server\.port.* → Correct it/],
    ['an open address', { LITEGEN__SERVER__HOST: '0.0.0.0' }, {}, /access .*LITEGEN__MASTER_KEY/],
    [
      'a database that is down',
      { LITEGEN__DATABASE_URL: 'postgres://u:canary@127.0.0.1:1/x' },
      {},
      /database .*nothing listens there.* → Check database_url/,
    ],
    [
      'a store that cannot be written to',
      { LITEGEN__STORAGE__PATH: '/dev/null/blobs' },
      {},
      /storage .*\/dev\/null\/blobs cannot be used.* → Check/,
    ],
    ['no provider', { LITEGEN__PLUGINS__DISABLED: 'mock' }, {}, /provider .*no provider can be called.* → Set a vendor/],
  ])('fails for %s, with a remedy', async (_name, environment, host, expected) => {
    const { out, code } = await run(['doctor'], environment, host);
    expect(code).toBe(1);
    expect(lines(out, 'fail').join('\n')).toMatch(expected);
    expect(out).not.toContain('canary');
  });

  it('looks at the port and at Redis', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const taken = await run(['doctor'], { LITEGEN__SERVER__PORT: String(port), LITEGEN__REDIS__URL: 'redis://:canary@127.0.0.1:1' });
    server.close();
    expect(taken.out).toMatch(new RegExp(`^warn {2}port {6}${port} of 127\\.0\\.0\\.1 is taken`, 'm'));
    expect(taken.out).toMatch(/^fail {2}redis {5}127\.0\.0\.1:1 cannot be used: .* → Check redis\.url/m);
    expect(taken.out).not.toContain('canary');
    expect((await run(['doctor'])).out).toMatch(/^skip {2}redis .*not set/m);
  });

  it.runIf(hasRedis)('finds nothing wrong with a Redis that works', async () => {
    const { url } = await RedisServer.start();
    expect((await run(['doctor'], { LITEGEN__REDIS__URL: url })).out).toMatch(/^ok {4}redis .*can be written to$/m);
  });

  it('asks the vendors when it may, whether they take the credential', async () => {
    const vendor = createHttpServer((request, response) => {
      const isKnown = request.headers.authorization === 'Bearer right';
      response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isKnown ? { object: 'list', data: [] } : { error: { message: 'no such key' } }));
    });
    await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;
    const environment = (key: string): NodeJS.ProcessEnv => ({
      LITEGEN__PROVIDERS__GPU: JSON.stringify({ plugin: 'openai-compatible', api_base: base, api_key: key }),
    });
    try {
      expect((await run(['doctor'], environment('wrong'))).out).not.toContain('vendor');
      const wrong = await run(['doctor', '--online'], environment('wrong'));
      expect(wrong.code).toBe(1);
      expect(wrong.out).toMatch(/^fail {2}vendor {4}gpu does not work: .* → Check the credential/m);
      expect(wrong.out).toMatch(/^ok {4}vendor {4}mock takes the credential$/m);
      expect(wrong.out).toMatch(/^skip {2}vendor {4}fal is not asked: set FAL_KEY$/m);
      const right = await run(['doctor', '--online'], environment('right'));
      expect(right.out).toMatch(/^ok {4}vendor {4}gpu takes the credential$/m);
      expect(right.code).toBe(0);
    } finally {
      vendor.close();
    }
  });

  it('says what lies in the database in the clear, and who may read it', async () => {
    expect((await run(['doctor'])).out).toMatch(/^warn {2}secrets .*no secrets_key.* → Set LITEGEN__SECRETS_KEY/m);
    const short = await run(['doctor'], { LITEGEN__SECRETS_KEY: Buffer.alloc(16).toString('base64') });
    expect(lines(short.out, 'fail').join('\n')).toMatch(/secrets .*16 bytes long, and has to be 32/);
    const path = join(folder, 'open.db');
    const environment = { LITEGEN__SECRETS_KEY: Buffer.alloc(32).toString('base64'), LITEGEN__DATABASE_URL: `sqlite://${path}` };
    await run(['migrate'], environment);
    chmodSync(path, 0o644);
    const { out } = await run(['doctor'], environment);
    expect(out).toMatch(/^ok {4}secrets .*sealed/m);
    expect(out).toMatch(/^ok {4}database .*only its owner may read/m);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('fails for capability files that do not hold, and goes on without a plugin that does not', async () => {
    const models = join(folder, 'models');
    mkdirSync(models, { recursive: true });
    writeFileSync(join(models, 'bad.yaml'), 'models: [{ id: mock/x, provider: mock, media_type: sound }]\n');
    const broken = await run(['doctor'], { LITEGEN_MODELS_DIR: models });
    expect(broken.code).toBe(1);
    expect(lines(broken.out, 'fail').join('\n')).toContain('bad.yaml');

    const plugins = join(folder, 'plugins');
    mkdirSync(join(plugins, 'nothing'), { recursive: true });
    const rejected = await run(['doctor'], { LITEGEN_PLUGINS_DIR: plugins });
    expect(rejected.code).toBe(0);
    expect(lines(rejected.out, 'warn').join('\n')).toMatch(/plugin .*nothing is not used: .* → Mend or remove it/);
  });
});

describe('models', () => {
  it('tells which can be called', async () => {
    const { out } = await run(['models']);
    expect(out).toMatch(/^mock\/paint +image\.generate.* ready$/m);
    expect(out).toMatch(/^fal\/\S+ .*needs FAL_KEY$/m);
  });
});

describe('prices', () => {
  it('puts what vendors publish beside what the gateway makes of it', async () => {
    const { out, code } = await run(['prices', '--model', 'fal/flux-2-pro']);
    expect(out).toMatch(
      /^fal\/flux-2-pro +image\.generate +1024x1024 +0\.03 +0\.03 +0 +published \d{4}-\d\d-\d\d +https:\/\/fal\.ai\/\S+$/m,
    );
    expect(out).toMatch(/^(\d+) of \1 published prices to the cent, 2 operations of models covered, 0 gaps$/m);
    expect(code).toBe(0);
  });

  it('ends with 1 when an operator’s price differs from the published one, or a new model has none', async () => {
    const models = join(folder, 'priced');
    mkdirSync(join(models, 'prices'), { recursive: true });
    writeFileSync(
      join(models, 'own.yaml'),
      `models:
  - { id: fal/recraft-v4, pricing: { base_cost_usd: "0.05" } }
  - { id: fal/recraft-v5, provider: fal, media_type: image, display_name: New, pricing: { base_cost_usd: 1 }, capabilities: { text_to_image: true } }
`,
    );
    writeFileSync(join(models, 'prices/own.yaml'), 'prices: [{ models: [fal/recraft-v3], unpublished: ours, cases: [{ usd: "0.04" }] }]\n');
    const { out, code } = await run(['prices', '--model', 'fal/recraft', '--json'], { LITEGEN_MODELS_DIR: models });
    const { checks, gaps } = JSON.parse(out) as PriceReport;
    expect(checks.filter(({ agrees }) => !agrees)).toMatchObject([
      { model: 'fal/recraft-v4', publishedUsd: '0.04', oursUsd: '0.05', differenceUsd: '0.01', problem: 'is 0.05, published is 0.04' },
    ]);
    expect(checks.at(-1)).toMatchObject({ model: 'fal/recraft-v3', confidence: 'unpublished', agrees: true });
    expect(gaps).toContain('fal/recraft-v5: no price fixture covers image.generate');
    expect(code).toBe(1);
  });
});

describe.each(databases())('migrate on $name', ({ url }) => {
  // Starts the command a dozen times, which is slow beside other tests.
  it('goes up, stays, and comes down', { timeout: 180_000 }, async () => {
    const environment = { LITEGEN__DATABASE_URL: url, LITEGEN__DATABASE__MIGRATE_ON_START: 'false' };
    const names = MIGRATIONS.map((migration) => new migration().name);
    if (url.startsWith('postgres')) {
      expect((await run(['doctor'], environment)).out).toMatch(/^fail {2}schema .*migrations are pending → Run/m);
    }
    expect((await run(['migrate'], environment)).out).toBe(names.map((name) => `applied ${name}\n`).join(''));
    expect((await run(['migrate'], environment)).out).toBe('the schema is up to date\n');
    expect((await run(['doctor'], environment)).out).toMatch(/^ok {4}schema {4}up to date$/m);
    for (const name of names.toReversed()) expect((await run(['migrate', '--revert'], environment)).out).toBe(`reverted ${name}\n`);
    expect((await run(['migrate', '--revert'], environment)).out).toBe('nothing to revert\n');
    const sources = await openDataSources(configSchema.parse({ database_url: url }), [], MIGRATIONS);
    await expect(sources.writer.query('SELECT * FROM generations')).rejects.toThrow();
    await closeDataSources(sources);
  });
});

it('an unreadable setting ends with its path', async () => {
  await expect(run(['models'], { LITEGEN__NO__SUCH: '1' })).rejects.toThrow(ConfigError);
});
