import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, readEnvironmentFile } from './load.js';

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
    [
      { LITEGEN__STRICT: 'false', LITEGEN__RETIRED_MODELS: 'refuse' },
      { strict: false, retired_models: 'refuse' },
    ],
    [
      { LITEGEN__APPLICATIONS__00000000_0000_0000_0000_00000000000A__STRICT: 'false' },
      { applications: { '00000000-0000-0000-0000-00000000000a': { strict: false } } },
    ],
    [{ LITEGEN__SECRETS_KEY: 'AAAA' }, { secrets_key: 'AAAA' }],
    [{ LITEGEN_MODELS_DIR: '/tmp' }, { models_directory: '/tmp' }],
    [{ LITEGEN_MASTER_KEY: 'as-in-rust' }, { master_key: 'as-in-rust' }],
    [{ LITEGEN__EGRESS__ALLOWED_PORTS: '80, 443' }, { egress: { allowed_ports: [80, 443] } }],
    [{ LITEGEN__WEBHOOKS__RETRY_SCHEDULE_SECONDS: '5' }, { webhooks: { retry_schedule_seconds: [5] } }],
    [
      { LITEGEN__SERVER__PORT: '', LITEGEN__ROLE: ' ' },
      { server: { port: 4000 }, role: 'all' },
    ],
    [{ LITEGEN__MASTER_KEY: 'from a file\n' }, { master_key: 'from a file' }],
    // What Kubernetes sets for a Service of this name, and what clients of the gateway read.
    [
      {
        LITEGEN_PORT: 'tcp://10.0.0.1:4000',
        LITEGEN_SERVICE_HOST: '10.0.0.1',
        LITEGEN_PORT_4000_TCP_ADDR: '10.0.0.1',
        LITEGEN_WEB_PORT: 'tcp://10.0.0.1:80',
        LITEGEN_API_KEY: 'sk',
      },
      { server: { port: 4000 } },
    ],
    [{ LITEGEN_PLUGINS_DIR: '/a, /b' }, { plugins: { directories: ['/a', '/b'] } }],
    [{ LITEGEN_CORS_ORIGINS: 'https://a.test,https://b.test' }, { cors: { allowed_origins: ['https://a.test', 'https://b.test'] } }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, { otlp_endpoint: 'http://c:4318' }],
    [{ LITEGEN_S3_BUCKET: 'b', LITEGEN_S3_REGION: 'eu-1' }, { storage: { backend: 's3', s3: { bucket_name: 'b', region: 'eu-1' } } }],
    [{ LITEGEN__PROVIDERS__MOCK__API_KEY: '' }, { providers: { mock: { api_key: '', enabled: true } } }],
    [{ LITEGEN__PLUGINS__DISABLED: '["fal"]' }, { plugins: { disabled: ['fal'] } }],
    [{ LITEGEN__COST_MARKUP_PERCENT: '12.5' }, { cost_markup_percent: 12.5 }],
    [{ LITEGEN__SERVER__ALLOWED_HOSTS: 'litegen, ::1,[fd00::1]' }, { server: { allowed_hosts: ['litegen', '::1', '[fd00::1]'] } }],
  ])('read %j', (environment, expected) => {
    expect(load(environment as Record<string, string>).config).toMatchObject(expected);
  });

  it('keep the backend that is named beside a bucket', () => {
    const { config } = load({ LITEGEN_S3_BUCKET: 'b', LITEGEN__STORAGE__BACKEND: 'local' });
    expect(config.storage.backend).toBe('local');
  });

  it('that nobody knows stop the start, each by its path', () => {
    expect(problems({}, 'server: { prot: 1 }\nsever: {}')).toEqual(
      expect.arrayContaining(['sever: no such key (did you mean server?)', 'server.prot: no such key (did you mean port?)']),
    );
    expect(problems({ LITEGEN__SERVER__PROT: '1' })).toEqual(['server.prot: no such key (did you mean port?)']);
    expect(problems({ LITEGEN_PORT: '1' })).toEqual([
      'LITEGEN_PORT (environment): no such variable (did you mean LITEGEN__SERVER__PORT?); settings are spelled LITEGEN__SECTION__KEY',
    ]);
  });

  it('that are wrong stop the start with what was expected and what is there, but never with a secret', () => {
    expect(problems({ LITEGEN__SERVER__PORT: '70000' })).toEqual([expect.stringMatching(/^server\.port: .*65535.*\(it is "70000"\)$/)]);
    expect(problems({ LITEGEN__MODE: 'both' })).toEqual([expect.stringMatching(/^mode: .*single_tenant.*hosted/)]);
    expect(problems({ LITEGEN__DATABASE_URL: 'mysql://u:hunter2@h/d' }).join()).not.toContain('hunter2');
    expect(problems({ LITEGEN__SECRETS_KEY: 'not base64!' }).join()).not.toContain('not base64!');
  });

  it.each(['https://litegen', 'litegen:4000', '[::1]:80', 'a b', '*', '*.test', 'x/y', ''])('refuse %j among the hosts', (host) => {
    expect(problems({ LITEGEN__SERVER__ALLOWED_HOSTS: JSON.stringify([host]) })).toEqual([
      expect.stringMatching(/^server\.allowed_hosts: /),
    ]);
  });

  it('in a broken or absent file stop the start', () => {
    expect(problems({}, 'server: [')).toEqual([expect.stringContaining('.yaml: ')]);
    expect(problems({}, '- a list')).toEqual([expect.stringContaining('expected a mapping')]);
    expect(problems({ LITEGEN_CONFIG: join(folder, 'absent.yaml') })).toEqual([expect.stringContaining('there is no file')]);
  });

  it.each([
    [`master_key: "\${KEY}"`, { KEY: 'from-outside' }, { master_key: 'from-outside' }],
    [`master_key: "a-\${KEY}-b-\${KEY}"`, { KEY: 'x' }, { master_key: 'a-x-b-x' }],
    [`server: { port: "\${PORT:-4321}" }`, {}, { server: { port: 4321 } }],
    [`server:\n  port: \${PORT}`, { PORT: '4322' }, { server: { port: 4322 } }],
    [
      `cors: { allowed_origins: ["\${A}", "https://b.test"] }`,
      { A: 'https://a.test' },
      { cors: { allowed_origins: ['https://a.test', 'https://b.test'] } },
    ],
    [`plugins: { strict: "\${STRICT:-true}" }`, { STRICT: '' }, { plugins: { strict: true } }],
    [
      `providers: { acme: { secrets: { webhook: "\${W}" }, options: { deep: [{ x: "\${W}" }] } } }`,
      { W: 'w' },
      { providers: { acme: { secrets: { webhook: 'w' }, options: { deep: [{ x: 'w' }] } } } },
    ],
    [`master_key: "$\${KEY}x $KEY $"`, { KEY: 'no' }, { master_key: `\${KEY}x $KEY $` }],
    // What a variable holds is a text and nothing else.
    [`storage: { path_prefix: "\${DIR}" }`, { DIR: `a: [b\n- "c" # \${KEY}` }, { storage: { path_prefix: `a: [b\n- "c" # \${KEY}` } }],
    [`storage: { path_prefix: "\${DIR:-}" }`, {}, { storage: { path_prefix: '' } }],
  ])('of the file take variables where %s asks for them', (yaml, environment, expected) => {
    const { master_key: key, ...rest } = expected as { master_key?: string };
    if (key === `\${KEY}x $KEY $`)
      return expect(problems(environment, yaml)).toEqual([expect.stringMatching(/^master_key: is a placeholder/)]);
    expect(load(environment as Record<string, string>, yaml).config).toMatchObject({
      ...rest,
      ...(key === undefined ? {} : { master_key: key }),
    });
  });

  it('of the file name the key and the variable where there is no value', () => {
    const yaml = `master_key: "\${LITEGEN_KEY}"\nproviders:\n  fal: { api_key: "k-\${FAL}", options: { list: ["\${EMPTY}"] } }\nmode: "\${MODE"`;
    expect(problems({ EMPTY: '' }, yaml)).toEqual([
      expect.stringMatching(/^master_key: .*LITEGEN_KEY is not set/),
      expect.stringMatching(/^providers\.fal\.api_key: .*FAL is not set/),
      expect.stringMatching(/^providers\.fal\.options\.list\.0: .*EMPTY is not set or empty/),
      expect.stringMatching(/^mode: the placeholder is not complete/),
    ]);
    for (const text of [`\${}`, `\${1A}`, `\${A:?needed}`, `\${A:-{}}`, `\${A-b}`, `\${A:-\${B}`]) {
      expect(problems({ A: 'a' }, `mode: '${text}'`)[0]).toMatch(/^mode: the placeholder is not complete/);
    }
  });

  it('of the file may name any variable, also one that is spelled like ours', () => {
    expect(load({ LITEGEN_KEY: 'from-outside' }, `master_key: "\${LITEGEN_KEY}"`).config.master_key).toBe('from-outside');
    expect(problems({ LITEGEN_KEY: 'x', LITEGEN_KEZ: 'y' }, `master_key: "\${LITEGEN_KEY:-z}"`)).toEqual([
      expect.stringMatching(/^LITEGEN_KEZ \(environment\): no such variable/),
    ]);
    expect(problems({}, `master_key: "\${LITEGEN_KEY}"`)).toEqual([expect.stringMatching(/^master_key: .*LITEGEN_KEY is not set/)]);
  });

  it('from variables are not shown when they are wrong', () => {
    const told = problems(
      { LEVEL: 'canary-1', DB: 'mysql://u:canary-2@h/d' },
      `observability: { log_level: "\${LEVEL}" }\nredis: { url: "\${DB}" }`,
    ).join();
    expect(told).toContain(`it is what \${LEVEL} gives`);
    expect(told).not.toContain('canary');
    expect(problems({ LITEGEN__REDIS__URL: 'http://:canary-3@h' }).join()).not.toContain('canary');
  });

  it('of the environment are taken as they are', () => {
    expect(load({ KEY: 'x', LITEGEN__STORAGE__PATH_PREFIX: `\${KEY}` }).config.storage.path_prefix).toBe(`\${KEY}`);
  });

  it.each([
    [{ LITEGEN__MASTER_KEY: `\${LITEGEN_KEY}` }, 'master_key'],
    [{ LITEGEN__MASTER_KEY: '$LITEGEN_KEY' }, 'master_key'],
    [{ LITEGEN__MASTER_KEY: '{{ vault.key }}' }, 'master_key'],
    [{ LITEGEN__MASTER_KEY: '<your key>' }, 'master_key'],
    [{ LITEGEN__MASTER_KEY: ' ChangeMe ' }, 'master_key'],
    [{ LITEGEN__MASTER_KEY: 'sk-1234' }, 'master_key'],
    [{ LITEGEN__PROVIDERS__FAL__API_KEY: `\${FAL_KEY}` }, 'providers.fal.api_key'],
    [{ LITEGEN__PROVIDERS__ACME__SECRETS: '{"webhook":"%HOOK%"}' }, 'providers.acme.secrets.webhook'],
    [{ LITEGEN__DATABASE_URL: `postgres://u:\${PASSWORD}@h/d` }, 'database_url'],
    [{ LITEGEN__REDIS__URL: `redis://:\${PASSWORD}@h` }, 'redis.url'],
    [{ LITEGEN_S3_BUCKET: 'b', LITEGEN_S3_SECRET_ACCESS_KEY: `\${S3}` }, 'storage.s3.secret_access_key'],
  ])('with a secret that nobody filled in stop the start: %j', (environment, path) => {
    expect(problems(environment as Record<string, string>)).toEqual([
      expect.stringMatching(new RegExp(`^${path}: is a (placeholder|well-known)`)),
    ]);
  });

  it.each(['a$b{c}d', 'pa$$word', 'x%20y', '<', 'a-long-random-value'])('take %j for the secret that it is', (secret) => {
    expect(load({ LITEGEN__MASTER_KEY: secret }).config.master_key).toBe(secret);
  });

  it.each([
    [{ LITEGEN__SERVER__PORT: 'abc' }, 'server.port: expected a whole number, 0 to 65535 (it is "abc")'],
    [{ LITEGEN__SERVER__PORT: '0x10' }, 'server.port: expected a whole number, 0 to 65535 (it is "0x10")'],
    [{ LITEGEN__SERVER__PORT: '80.5' }, 'server.port: expected a whole number, 0 to 65535 (it is "80.5")'],
    [{ LITEGEN__ENGINE__TICK_MS: 'true' }, 'engine.tick_ms: expected a whole number, 50 to 10000 (it is "true")'],
    [{ LITEGEN__EGRESS__ALLOWED_PORTS: '80,https' }, 'egress.allowed_ports.1: expected a whole number, 1 to 65535'],
    [{ LITEGEN__PLUGINS__DISABLED: '["fal"' }, 'plugins.disabled: expected a list (it is "[\\"fal\\"")'],
    [{ LITEGEN__ALLOW_NO_AUTH: 'ja' }, 'allow_no_auth: expected true or false (it is "ja")'],
    [{ LITEGEN__ROLE: 'boss' }, 'role: expected one of all, api, worker (it is "boss")'],
    [{ LITEGEN__SERVER: 'x' }, 'server: expected a mapping (it is "x")'],
    [{ LITEGEN__SERVER__PUBLIC_URL: 'gateway' }, 'server.public_url: expected a URL (it is "gateway")'],
    [{ LITEGEN__SECRETS_KEY: '!' }, 'secrets_key: expected base64'],
    [{ LITEGEN__APPLICATIONS__SHOP__STRICT: 'false' }, 'applications.shop: expected the id of an application, a UUID'],
    [{ LITEGEN__PROVIDERS__Ä__API_KEY: 'x' }, 'providers.ä: expected a name of lower-case letters, digits and hyphens'],
    [{ LITEGEN_MODELS_DIR: '/no/such' }, 'models_directory: there is no folder /no/such'],
    [{ LITEGEN__MASTER_KEY: '"in-quotes"' }, 'master_key: has quotes around it, which would be a part of it; leave them out'],
    [{ LITEGEN__MASTER_KEY: 'two\nlines' }, 'master_key: has a line break or another control character in it; set the secret alone'],
  ])('that are wrong are told of in one sentence: %j', (environment, sentence) => {
    expect(problems(environment as Record<string, string>)).toEqual([expect.stringMatching(/^[^\n]+$/)]);
    expect(problems(environment as Record<string, string>)[0]).toContain(sentence);
  });

  it.each([
    ['postgres://u:canary%zz@h/d', 'has a % that is no part'],
    ['postgres://u:canary#x@h/d', 'is no URL'],
    ['postgres://u:12#canary@h/d', 'has an @ behind its host'],
    ['postgres://u:canary/x@h/d', 'is no URL'],
    ['postgres://u:12/canary@h/d', 'has an @ behind its host'],
    ['postgres://u:12?canary@h/d', 'has an @ behind its host'],
    ['postgres://u:canary@h1:5432,h2:5432/d', 'names several hosts'],
    ['postgres://u:canary@h/d?sslmode=on', 'has an sslmode that is not known'],
  ])('with a database URL that cannot be meant so stop the start without a part of it: %s', (url, sentence) => {
    const [told, ...more] = problems({ LITEGEN__DATABASE_URL: url });
    expect(more).toEqual([]);
    expect(told).toContain(`database_url: ${sentence}`);
    expect(told).not.toContain('canary');
  });

  it.each(['postgres://u:p@ss@h/d', 'postgres://u:p%40%2F%23@h:5432/d?sslmode=require', 'postgres:///d?host=/run/postgresql'])(
    'take the database URL %s',
    (url) => {
      expect(load({ LITEGEN__DATABASE_URL: url }).config.database_url).toBe(url);
    },
  );

  it.each([
    ['redis://:canary#x@h', 'is no URL'],
    ['redis://h1:1,h2:2', 'names several hosts'],
    ['redis://:canary@h/cache', 'has a path that is no number'],
  ])('with a Redis URL that cannot be meant so stop the start: %s', (url, sentence) => {
    const told = problems({ LITEGEN__REDIS__URL: url });
    expect(told).toEqual([expect.stringContaining(`redis.url: ${sentence}`)]);
    expect(told.join()).not.toContain('canary');
  });
});

describe('the files in the working directory', () => {
  const own = (name: string, files: Readonly<Record<string, string>>): string => {
    const directory = join(folder, name);
    mkdirSync(directory);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
    return directory;
  };

  it('may be spelled litegen.yml, but not both ways', () => {
    const directory = own('yml', { 'litegen.yml': 'server: { port: 4999 }' });
    expect(loadConfig({}, directory)).toMatchObject({ config: { server: { port: 4999 } }, file: join(directory, 'litegen.yml') });
    writeFileSync(join(directory, 'litegen.yaml'), '');
    expect(() => loadConfig({}, directory)).toThrow(/there are both .*litegen\.yaml and .*litegen\.yml/);
  });

  it('say what the environment and the command line do not', () => {
    const directory = own('env', { '.env': 'A=1\n# no\nexport B="two words"\nLITEGEN__SERVER__PORT=5001\n', 'other.yaml': 'role: api' });
    const environment: NodeJS.ProcessEnv = { A: 'mine' };
    expect(readEnvironmentFile(environment, directory)).toBe(join(directory, '.env'));
    expect(environment).toEqual({ A: 'mine', B: 'two words', LITEGEN__SERVER__PORT: '5001' });
    expect(loadConfig(environment, directory).config.server.port).toBe(5001);
    const overrides = { configFile: 'other.yaml', settings: { 'server.port': '5002' } };
    expect(loadConfig(environment, directory, overrides)).toMatchObject({ config: { role: 'api', server: { port: 5002 } } });
    expect(() => loadConfig({}, directory, { configFile: 'no.yaml' })).toThrow(/--config: there is no file .*no\.yaml/);
    expect(readEnvironmentFile({}, join(directory, 'nowhere'))).toBeUndefined();
  });

  it('that cannot be read are named', () => {
    const directory = own('folders', {});
    mkdirSync(join(directory, '.env'));
    mkdirSync(join(directory, 'litegen.yaml'));
    expect(() => readEnvironmentFile({}, directory)).toThrow(/\.env: cannot be read/);
    expect(() => loadConfig({}, directory)).toThrow(/litegen\.yaml: cannot be read/);
  });
});
