import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './load.js';

const folder = mkdtempSync(join(tmpdir(), 'litegen-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function load(environment: Record<string, string> = {}, yaml?: string) {
  if (yaml === undefined) return loadConfig(environment, folder);
  const file = join(folder, `settings-${++files}.yaml`);
  writeFileSync(file, yaml);
  return loadConfig({ LITEGEN_CONFIG: file, ...environment }, folder);
}

function problems(environment: Record<string, string>, yaml?: string): readonly string[] {
  try {
    load(environment, yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('need nothing', () => {
    const { config, file } = load();
    expect(file).toBeUndefined();
    expect(config).toMatchObject({
      mode: 'single_tenant',
      role: 'all',
      server: { host: '127.0.0.1', port: 4000 },
      storage: { backend: 'local' },
    });
    expect(config.database_url).toBe('sqlite://data/litegen.db');
  });

  it('come from the file, and the environment outranks it', () => {
    const yaml =
      'server: { port: 5000, host: 0.0.0.0 }\nproviders: { my-gpu: { plugin: openai-compatible, api_base: "http://10.0.0.5:8000" } }';
    const { config } = load({ LITEGEN__SERVER__PORT: '6000', LITEGEN__PROVIDERS__MY_GPU__API_KEY: 'k' }, yaml);
    expect(config.server).toMatchObject({ port: 6000, host: '0.0.0.0' });
    expect(config.providers['my-gpu']).toMatchObject({ plugin: 'openai-compatible', api_base: 'http://10.0.0.5:8000', api_key: 'k' });
  });

  it.each([
    [{ LITEGEN__MASTER_KEY: 'm' }, { master_key: 'm' }],
    [{ LITEGEN__DATABASE_URL: 'postgres://u:p@h/d' }, { database_url: 'postgres://u:p@h/d' }],
    [{ LITEGEN__SERVER__HOST: '::1' }, { server: { host: '::1' } }],
    [{ LITEGEN__ALLOW_NO_AUTH: 'true' }, { allow_no_auth: true }],
    [{ LITEGEN__ALLOW_NO_AUTH: '0' }, { allow_no_auth: false }],
    [{ LITEGEN__MODE: 'hosted' }, { mode: 'hosted' }],
    [{ LITEGEN__SECRETS_KEY: 'AAAA' }, { secrets_key: 'AAAA' }],
    [{ LITEGEN_MODELS_DIR: '/models' }, { models_directory: '/models' }],
    [{ LITEGEN_PLUGINS_DIR: '/a, /b' }, { plugins: { directories: ['/a', '/b'] } }],
    [{ LITEGEN_CORS_ORIGINS: 'https://a.test,https://b.test' }, { cors: { allowed_origins: ['https://a.test', 'https://b.test'] } }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, { otlp_endpoint: 'http://c:4318' }],
    [{ LITEGEN_S3_BUCKET: 'b', LITEGEN_S3_REGION: 'eu-1' }, { storage: { backend: 's3', s3: { bucket_name: 'b', region: 'eu-1' } } }],
    [{ LITEGEN__PROVIDERS__MOCK__API_KEY: '' }, { providers: { mock: { api_key: '', enabled: true } } }],
    [{ LITEGEN__PLUGINS__DISABLED: '["fal"]' }, { plugins: { disabled: ['fal'] } }],
    [{ LITEGEN__COST_MARKUP_PERCENT: '12.5' }, { cost_markup_percent: 12.5 }],
  ])('read %j', (environment, expected) => {
    expect(load(environment as Record<string, string>).config).toMatchObject(expected);
  });

  it('keep the backend that is named beside a bucket', () => {
    const { config } = load({ LITEGEN_S3_BUCKET: 'b', LITEGEN__STORAGE__BACKEND: 'local' });
    expect(config.storage.backend).toBe('local');
  });

  it('that nobody knows stop the start, each by its path', () => {
    expect(problems({}, 'server: { prot: 1 }\nsever: {}')).toEqual(
      expect.arrayContaining(['sever: no such key', 'server.prot: no such key']),
    );
    expect(problems({ LITEGEN__SERVER__PROT: '1' })).toEqual(['server.prot: no such key']);
    expect(problems({ LITEGEN_PORT: '1' })).toEqual([
      'LITEGEN_PORT (environment): no such variable; settings are spelled LITEGEN__SECTION__KEY',
    ]);
  });

  it('that are wrong stop the start with what was expected and what is there, but never with a secret', () => {
    expect(problems({ LITEGEN__SERVER__PORT: '70000' })).toEqual([expect.stringMatching(/^server\.port: .*65535.*\(it is "70000"\)$/)]);
    expect(problems({ LITEGEN__MODE: 'both' })).toEqual([expect.stringMatching(/^mode: .*single_tenant.*hosted/)]);
    expect(problems({ LITEGEN__DATABASE_URL: 'mysql://u:hunter2@h/d' }).join()).not.toContain('hunter2');
    expect(problems({ LITEGEN__SECRETS_KEY: 'not base64!' }).join()).not.toContain('not base64!');
  });

  it('in a broken or absent file stop the start', () => {
    expect(problems({}, 'server: [')).toEqual([expect.stringContaining('.yaml: ')]);
    expect(problems({}, '- a list')).toEqual([expect.stringContaining('expected a mapping')]);
    expect(problems({ LITEGEN_CONFIG: join(folder, 'absent.yaml') })).toEqual([expect.stringContaining('there is no file')]);
  });
});
