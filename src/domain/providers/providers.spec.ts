import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startHttpSimulator } from '@litegen/plugin-sdk/testing';
import { Logger } from '@nestjs/common';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '../../platform/common/index.js';
import { ConfigError, configSchema } from '../../platform/config/index.js';
import { EgressService, SecretRegistry, SystemResolver } from '../../platform/security/index.js';
import { openBlobStore } from '../storage/index.js';
import { gatewayRoot } from './plugin-discovery.js';
import { loadProviders } from './provider-loader.js';
import { ProviderRegistry } from './provider-registry.js';

let directory: string;
let root: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'litegen-plugins-'));
  root = join(directory, 'gateway');
  await mkdir(join(root, 'plugins'), { recursive: true });
  await writeFile(join(root, 'package.json'), JSON.stringify({ name: 'litegen', dependencies: {} }));
  Logger.overrideLogger(false);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const GOOD_CODE = `export default { spec: 1, id: 'ID', create: (setup) => ({ image: { start: async (request, call) => {
  const response = await call.fetch(call.apiBase + '/x', { headers: { authorization: call.secret('apiKey') }, json: { options: setup.options } });
  return { state: 'done', outputs: [], vendorRequestId: (await response.json()).id };
} } }) };`;

interface PluginFiles {
  readonly manifest?: Record<string, unknown>;
  readonly code?: string;
  readonly packageJson?: string | Record<string, unknown>;
}

/** Writes a plugin; by default a good one that needs the secret `apiKey`. */
async function plugin(folder: string, id: string, { manifest, code, packageJson }: PluginFiles = {}): Promise<string> {
  await mkdir(join(folder, 'models'), { recursive: true });
  await writeFile(join(folder, 'index.mjs'), (code ?? GOOD_CODE).replaceAll("'ID'", `'${id}'`));
  const usual = {
    spec: 1,
    id,
    entry: './index.mjs',
    models: './models',
    secrets: { apiKey: [`${id.toUpperCase().replaceAll('-', '_')}_KEY`] },
    egress: ['https://api.test'],
  };
  const json = {
    name: `litegen-provider-${id}`,
    version: '1.2.3',
    type: 'module',
    keywords: ['litegen-plugin'],
    litegen: { ...usual, ...manifest },
    ...(typeof packageJson === 'object' ? packageJson : {}),
  };
  await writeFile(join(folder, 'package.json'), typeof packageJson === 'string' ? packageJson : JSON.stringify(json));
  return folder;
}

const bundled = (id: string, files?: PluginFiles): Promise<string> => plugin(join(root, 'plugins', id), id, files);
const mounted = (id: string, files?: PluginFiles): Promise<string> => plugin(join(directory, 'mounted', id), id, files);

interface Settings {
  readonly plugins?: Record<string, unknown>;
  readonly providers?: Record<string, unknown>;
  readonly environment?: Record<string, string>;
  readonly root?: string;
}

async function load(settings: Settings = {}) {
  const config = configSchema.parse({
    plugins: settings.plugins ?? {},
    providers: settings.providers ?? {},
    storage: { path: join(directory, 'blobs') },
  });
  const secrets = new SecretRegistry();
  const loaded = await loadProviders({ config, secrets, root: settings.root ?? root, environment: settings.environment ?? {} });
  const egress = new EgressService(config, new SystemResolver());
  const store = await openBlobStore(config, Date.now());
  const faults: string[] = [];
  const metrics = {
    pluginFault: (plugin: string, kind: string) => void faults.push(`${plugin}: ${kind}`),
    pluginTakenOut: (plugin: string) => void faults.push(`${plugin} is out`),
  };
  const registry = new ProviderRegistry(loaded, { egress, store, clock: new Clock(), secrets, metrics, config, maxOutputBytes: 1e6 });
  return { registry, secrets, egress, faults };
}

const reasonsOf = (registry: ProviderRegistry): Record<string, string> =>
  Object.fromEntries(registry.catalogEntries().rejected.map(({ name, reason }) => [name, reason]));

describe('finding plugins', () => {
  it('looks in its own folder, in mounted folders, at a mounted plugin and among the dependencies', async () => {
    await bundled('one');
    await mounted('two');
    const single = await plugin(join(directory, 'single'), 'three');
    await plugin(join(root, 'node_modules', 'litegen-provider-four'), 'four');
    await plugin(join(root, 'node_modules', 'other'), 'other', { packageJson: { keywords: [] } });
    await plugin(join(root, 'node_modules', 'stranger'), 'stranger');
    const dependencies = { 'litegen-provider-four': '1.0.0', other: '1.0.0', absent: '1.0.0' };
    await writeFile(join(root, 'package.json'), JSON.stringify({ name: 'litegen', dependencies }));
    const { registry } = await load({ plugins: { directories: [join(directory, 'mounted'), single] } });
    expect(registry.list().map(({ providerId, plugin: found }) => [providerId, found.source])).toEqual([
      ['four', 'dependency'],
      ['one', 'bundled'],
      ['three', 'directory'],
      ['two', 'directory'],
    ]);
    expect(registry.rejections()).toEqual([]);
    expect(registry.modelDirectories()).toContainEqual({
      pluginId: 'one',
      directory: join(root, 'plugins', 'one', 'models'),
      packageName: 'litegen-provider-one',
      version: '1.2.3',
    });
  });

  it('finds the plugins of this very package', async () => {
    const { registry } = await load({ root: gatewayRoot(), providers: { mock: { api_key: '' } } });
    const all = [...registry.list().map(({ pluginId }) => pluginId), ...registry.rejections().map(({ pluginId }) => pluginId)];
    expect(all).toEqual(expect.arrayContaining(['mock', 'openai', 'fal', 'openai-compatible']));
    // Without a build there is no entry, and the reason says so; nothing else may be wrong.
    for (const { reason } of registry.rejections()) expect(reason).toContain('is the plugin built?');
  });
});

describe('a bad plugin', () => {
  it('is rejected alone, with its reason, before any of its code runs where the manifest says enough', async () => {
    const trap = `globalThis.pluginTrap = true; ${GOOD_CODE}`;
    await bundled('good');
    await mounted('no-entry', { manifest: { entry: './absent.mjs' } });
    await mounted('escape', { code: trap, manifest: { entry: '../good.mjs' } });
    await writeFile(join(directory, 'mounted', 'good.mjs'), trap);
    const linked = await mounted('linked', { code: trap, manifest: { models: './outside' } });
    await symlink(root, join(linked, 'outside'));
    await mounted('old', { code: trap, manifest: { spec: 2 } });
    await mounted('bad-egress', { code: trap, manifest: { egress: ['https://*'] } });
    await mounted('bad-variable', { code: trap, manifest: { secrets: { apiKey: ['not a name'] } } });
    await mounted('bad-optional', { code: trap, manifest: { optionalSecrets: ['other'] } });
    await mounted('Upper', { code: trap });
    await mounted('no-json', { packageJson: '{' });
    await mounted('no-keyword', { code: trap, packageJson: { keywords: [] } });
    await mkdir(join(directory, 'mounted', 'empty'));
    await plugin(join(directory, 'mounted', 'twin'), 'good', { code: trap });
    await mounted('mismatch', { code: GOOD_CODE.replace("'ID'", "'another'") });
    await mounted('other-spec', { code: GOOD_CODE.replace('spec: 1', 'spec: 7') });
    await mounted('throws', { code: 'throw new Error("at import, with " + process.env.NOTHING)' });
    await mounted('syntax', { code: 'export default {' });
    await mounted('no-default', { code: 'export const x = 1;' });
    await mounted('create-throws', { code: "export default { spec: 1, id: 'ID', create() { throw new Error('no luck'); } };" });
    await mounted('create-nothing', { code: "export default { spec: 1, id: 'ID', create: () => ({}) };" });
    await mounted('no-start', { code: "export default { spec: 1, id: 'ID', create: () => ({ image: { start() {} }, video: {} }) };" });
    const { registry } = await load({ plugins: { directories: [join(directory, 'mounted'), '/nonexistent/plugins'] } });
    expect(registry.list().map(({ providerId }) => providerId)).toEqual(['good']);
    const reasons = reasonsOf(registry);
    const expected: Record<string, RegExp> = {
      'no-entry': /entry: there is no .\/absent.mjs; is the plugin built\?/,
      escape: /leads out of the package/,
      linked: /models: .\/outside leads out/,
      old: /litegen.spec: this gateway speaks version 1/,
      'bad-egress': /litegen.egress.0: expected an origin/,
      'bad-variable': /secrets.apiKey.0: expected the name/,
      'bad-optional': /optionalSecrets: names a secret/,
      Upper: /litegen.id: expected lower-case/,
      'no-json': /package.json is not JSON/,
      'no-keyword': /no keyword/,
      empty: /no package.json/,
      good: /taken by litegen-provider-good/,
      mismatch: /says id "another", its manifest "mismatch"/,
      'other-spec': /says spec 7/,
      throws: /cannot be imported: at import/,
      syntax: /cannot be imported/,
      'no-default': /no default export/,
      'create-throws': /create failed for the provider "create-throws": no luck/,
      'create-nothing': /neither an image nor a video/,
      'no-start': /without a start/,
      plugins: /folder cannot be read/,
    };
    expect(Object.keys(reasons).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, reason] of Object.entries(expected)) expect(reasons[name], name).toMatch(reason);
    expect((globalThis as { pluginTrap?: boolean }).pluginTrap).toBeUndefined();
  });

  it('stops the start when the operator is strict', async () => {
    await bundled('good');
    await bundled('bad', { manifest: { spec: 2 } });
    await expect(load({ plugins: { strict: true } })).rejects.toThrow(/plugins.strict: bad: litegen.spec/);
    const { registry } = await load({ plugins: { strict: true, disabled: ['bad'] } });
    expect(() => registry.rejectModels('good', 'models/a.yaml:3: no price')).toThrow(ConfigError);
  });

  it('is taken out of use when its capability YAML does not hold', async () => {
    await bundled('good');
    const { registry } = await load({ environment: { GOOD_KEY: 'k' }, providers: { further: { plugin: 'good', api_key: 'x' } } });
    expect(registry.list()).toHaveLength(2);
    registry.rejectModels('good', 'models/a.yaml:3: no price');
    expect([registry.list(), registry.get('good'), registry.modelDirectories()]).toEqual([[], undefined, []]);
    expect(reasonsOf(registry)).toEqual({ good: 'models/a.yaml:3: no price' });
  });

  it('never shows a secret in its reason', async () => {
    const code = `throw new Error('canary: ' + process.env.LEAKY_PLUGIN_KEY + ' ' + encodeURIComponent(process.env.LEAKY_PLUGIN_KEY));`;
    await bundled('leaky', { code, manifest: { secrets: { apiKey: ['LEAKY_PLUGIN_KEY'] } } });
    const environment = { LEAKY_PLUGIN_KEY: 'seeded+canary/value' };
    process.env['LEAKY_PLUGIN_KEY'] = environment.LEAKY_PLUGIN_KEY;
    try {
      const { registry } = await load({ environment });
      expect(reasonsOf(registry)['leaky']).toBe('its entry cannot be imported: canary: [redacted] [redacted]');
    } finally {
      delete process.env['LEAKY_PLUGIN_KEY'];
    }
  });
});

describe('instances', () => {
  it('say what they lack, and can be called once nothing is missing', async () => {
    await bundled('acme', {
      manifest: { secrets: { apiKey: ['ACME_KEY', 'ACME_TOKEN'], keyId: ['ACME_ID'], other: [] }, optionalSecrets: ['keyId'] },
    });
    await bundled('server', {
      manifest: { secrets: { apiKey: [] }, optionalSecrets: ['apiKey'], egress: ['$api_base'], apiBaseEnvironment: ['SERVER_URL'] },
    });
    const { registry } = await load({ environment: { ACME_KEY: '', ACME_TOKEN: 't' } });
    expect(registry.provider('acme')).toMatchObject({ configured: false, missing: ['secrets.other'], secretsConfigured: ['apiKey'] });
    expect(registry.provider('server')).toMatchObject({ configured: false, missing: ['api_base'] });
    expect(registry.get('acme')).toBeUndefined();
    expect(() =>
      registry.createCall('acme', { signal: new AbortController().signal, idempotencyKey: 'a', headersTimeoutMs: 1_000 }),
    ).toThrow(/not configured/);
    const complete = await load({
      environment: { ACME_KEY: 'k', SERVER_URL: 'http://10.0.0.1:8080/v1/' },
      providers: { acme: { secrets: { other: 'o' } } },
    });
    expect(complete.registry.get('acme')).toMatchObject({ configured: true, missing: [] });
    const call = complete.registry.createCall('server', {
      signal: new AbortController().signal,
      idempotencyKey: 'a',
      headersTimeoutMs: 1_000,
    });
    expect(call.apiBase).toBe('http://10.0.0.1:8080/v1');
    await expect(load({ environment: { SERVER_URL: '10.0.0.1' } })).rejects.toThrow(
      /SERVER_URL .environment.: expected an http or https URL/,
    );
  });

  it('work side by side under their own names, keys, addresses and options', async () => {
    await bundled('acme');
    const first = await startHttpSimulator(() => ({ status: 200, body: '{"id":"first"}' }));
    const second = await startHttpSimulator(() => ({ status: 200, body: '{"id":"second"}' }));
    const { registry, egress } = await load({
      environment: { ACME_KEY: 'from-environment' },
      providers: {
        acme: { api_base: `${first.origin}/`, options: { tier: 1 } },
        'acme-eu': { plugin: 'acme', api_base: second.origin, api_key: 'own', region: 'eu' },
        'acme-bare': { plugin: 'acme', api_base: second.origin },
        'acme-off': { plugin: 'acme', api_key: 'own', enabled: false },
      },
    });
    const start = async (providerId: string) => {
      const call = registry.createCall(providerId, { signal: new AbortController().signal, idempotencyKey: 'a', headersTimeoutMs: 1_000 });
      const request = {
        operation: 'image.generate',
        model: { id: 'a/b', name: 'b', upstream: {} },
        prompt: '',
        n: 1,
        params: {},
        inputs: [],
        extra: {},
        partialImages: 0,
      };
      return registry.get(providerId)?.instance.image?.start(request as never, call);
    };
    expect(await start('acme')).toMatchObject({ vendorRequestId: 'first' });
    expect(await start('acme-eu')).toMatchObject({ vendorRequestId: 'second' });
    const seen = [...first.requests, ...second.requests].map((request) => [request.path, request.headers['authorization'], request.json()]);
    expect(seen).toEqual([
      ['/x', 'from-environment', { options: { tier: 1 } }],
      ['/x', 'own', { options: { region: 'eu' } }],
    ]);
    // The vendor's key from the environment does not go to an address that is not the vendor's.
    expect(registry.provider('acme-bare')).toMatchObject({ configured: false, missing: ['api_key'] });
    expect(registry.provider('acme-off')).toMatchObject({ configured: false, enabled: false, missing: [] });
    expect(JSON.stringify(registry.list())).not.toContain('from-environment');
    await egress.onApplicationShutdown();
    await Promise.all([first.close(), second.close()]);
  });

  it('need a plugin: an entry without one stops the start, unless that plugin was rejected or disabled', async () => {
    await bundled('acme');
    await bundled('bad', { manifest: { spec: 2 } });
    await expect(load({ providers: { nobody: { api_key: 'k' } } })).rejects.toThrow(
      /providers.nobody: there is no plugin "nobody"; there are acme/,
    );
    await expect(load({ providers: { x: { plugin: 'nothing' } } })).rejects.toThrow(/providers.x: there is no plugin "nothing"/);
    const { registry } = await load({ providers: { bad: { api_key: 'k' }, acme: { api_key: 'k' } }, plugins: { disabled: ['acme'] } });
    expect(registry.list()).toEqual([]);
  });

  it.each<readonly [string, Record<string, unknown>, object, readonly string[], readonly string[]]>([
    ['what the manifest calls', {}, {}, ['https://api.test'], ['https://cdn.test', 'http://10.0.0.1:9000']],
    ['what the manifest says', { transfers: ['https://*.cdn.test'] }, {}, ['https://a.cdn.test'], ['https://api.test', 'https://cdn.test']],
    [
      'anywhere public',
      { transfers: 'public' },
      {},
      ['https://cdn.test', 'https://api.test'],
      ['https://cdn.test:9000', 'http://10.0.0.1'],
    ],
    [
      'what the operator says',
      { transfers: 'public' },
      { egress: ['http://10.0.0.1:9000'] },
      ['http://10.0.0.1:9000'],
      ['https://cdn.test'],
    ],
    ['both', {}, { egress: ['public', 'http://10.0.0.1:9000'] }, ['http://10.0.0.1:9000', 'https://cdn.test'], ['http://10.0.0.1:9001']],
    ['nothing', { transfers: 'public' }, { egress: [] }, [], ['https://cdn.test', 'https://api.test']],
  ])('download results from %s, and from their own address', async (_what, manifest, entry, open, closed) => {
    await bundled('acme', { manifest });
    const { registry, egress } = await load({ providers: { acme: { api_key: 'k', api_base: 'http://10.0.0.7:8091/v1', ...entry } } });
    const policy = registry.get('acme')?.transferPolicy;
    if (policy === undefined) throw new Error('acme is not configured');
    for (const origin of [...open, 'http://10.0.0.7:8091']) expect(() => egress.check(`${origin}/1.png`, policy), origin).not.toThrow();
    for (const origin of [...closed, 'http://169.254.169.254', 'http://10.0.0.7:8092']) {
      expect(() => egress.check(`${origin}/1.png`, policy), origin).toThrow();
    }
    await egress.onApplicationShutdown();
  });

  it('stop the start when their results come from no origin', async () => {
    await bundled('acme');
    const wrong = load({ providers: { acme: { api_key: 'k', egress: ['public', 'cdn.test'] } } });
    await expect(wrong).rejects.toThrow('providers.acme.egress: "cdn.test": expected "public" or an origin');
  });

  it('are listed as LiteGen lists them', async () => {
    await bundled('acme', { manifest: { displayName: 'Acme', optionalSecrets: [], apiBaseEnvironment: ['ACME_URL'] } });
    await bundled('bad', { manifest: { spec: 2 } });
    const { registry } = await load();
    const { providers, rejected } = registry.catalogEntries();
    expect(providers).toEqual([
      {
        name: 'acme',
        modalities: ['image'],
        auth_scheme: 'api_key',
        pool_field: 'api_keys',
        fields: [
          { key: 'api_key', label: 'API key', secret: true, optional: false },
          { key: 'api_base', label: 'Base URL', secret: false, optional: true },
        ],
        display_name: 'Acme',
        plugin: { id: 'acme', package: 'litegen-provider-acme', version: '1.2.3', source: 'bundled' },
        enabled: true,
        configured: false,
        missing: ['api_key'],
        toSet: ['ACME_KEY'],
        egress: ['https://api.test'],
        transfers: ['https://api.test'],
      },
    ]);
    expect(rejected).toEqual([
      { name: 'bad', package: 'litegen-provider-bad', source: 'bundled', reason: expect.stringContaining('version 1') },
    ]);
    expect(JSON.stringify(rejected)).not.toContain(directory);
  });
});

describe('the contract’s package', () => {
  it('is given to a plugin that finds none, and nothing else is', async () => {
    // Node's own module loader is what is tested, so this runs in a process without the test runner's.
    const sdk = join(root, 'node_modules', '@litegen', 'plugin-sdk');
    await mkdir(sdk, { recursive: true });
    await writeFile(join(sdk, 'package.json'), JSON.stringify({ type: 'module', exports: { '.': { default: './sdk.js' } } }));
    await writeFile(join(sdk, 'sdk.js'), "export const PLUGIN_SPEC = 'the gateway’s copy';");
    const source = await readFile(new URL('./sdk-resolution.ts', import.meta.url), 'utf8');
    const compilerOptions = { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2022 };
    await writeFile(join(root, 'resolution.mjs'), ts.transpileModule(source, { compilerOptions }).outputText);
    const code = "import { PLUGIN_SPEC } from '@litegen/plugin-sdk'; console.log(PLUGIN_SPEC);";
    const entry = JSON.stringify(join(await mounted('lonely', { code }), 'index.mjs'));
    const script = `
      const { provideSdk } = await import(${JSON.stringify(join(root, 'resolution.mjs'))});
      await import(${entry}).catch((error) => console.log(error.code));
      provideSdk(${entry});
      await import(${entry} + '?again');
      await import('@litegen/other').catch((error) => console.log(error.code));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: directory });
    expect(stdout).toBe('ERR_MODULE_NOT_FOUND\nthe gateway’s copy\nERR_MODULE_NOT_FOUND\n');
  });
});
