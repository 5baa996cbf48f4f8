import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePng } from '@litegen/plugin-sdk/testing';
import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, Client, type SendOptions } from '../support/client.js';
import { postgresDatabase } from '../support/databases.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { LEAKS, writeLeakyPlugin } from './leaky-plugin.js';

const canary = (name: string): string => `${name}-${randomBytes(12).toString('hex')}`;

/** Every secret that this gateway is given, none of which may be seen again. */
const SECRETS = {
  'the master key': canary('master'),
  'the key of a vendor': canary('sk-vendor'),
  'the key of a plugin': canary('leaky/+key'),
  'the password of the database': canary('db-password'),
  'the key that encrypts': randomBytes(32).toString('base64'),
  'the key of the bucket': canary('bucket'),
};

/** What a caller sends along; a part of the noise would do to recognise it. */
const PICTURE = makePng({ bytes: 6_000, colour: [17, 201, 93, 255] });
const ENCODED = PICTURE.toString('base64');
const NOISE = randomBytes(3_000).toString('base64');

/** Remembers all that it was answered. */
class Recorder extends Client {
  readonly seen: string[] = [];

  override async send(path: string, options: SendOptions = {}): Promise<Answer> {
    const answer = await super.send(path, options);
    this.seen.push(`${path} ${JSON.stringify([...answer.headers])} ${answer.text}`);
    return answer;
  }
}

describe('secrets', () => {
  const { url: databaseUrl } = postgresDatabase();
  const role = `litegen_canary_${randomBytes(6).toString('hex')}`;
  const folder = mkdtempSync(join(tmpdir(), 'litegen-secrets-'));
  const callerKeys: string[] = [];
  let vendor: CompatibleSimulator;
  let gateway: Gateway;
  let master: Recorder;
  let caller: Recorder;
  let stranger: Recorder;

  async function inDatabase(...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  beforeAll(async () => {
    writeLeakyPlugin(join(folder, 'leaky'));
    vendor = await startCompatibleSimulator({ flavour: 'vllm-omni', apiKey: SECRETS['the key of a vendor'] });
    await inDatabase(
      `CREATE ROLE ${role} LOGIN PASSWORD '${SECRETS['the password of the database']}'`,
      `GRANT ALL ON DATABASE "${new URL(databaseUrl).pathname.slice(1)}" TO ${role}`,
      `GRANT ALL ON SCHEMA public TO ${role}`,
    );
    const url = new URL(databaseUrl);
    url.username = role;
    url.password = SECRETS['the password of the database'];
    gateway = await startGateway({
      databaseUrl: url.href,
      env: {
        LITEGEN__MASTER_KEY: SECRETS['the master key'],
        LITEGEN__SECRETS_KEY: SECRETS['the key that encrypts'],
        LITEGEN__OBSERVABILITY__LOG_LEVEL: 'trace',
        LITEGEN__PLUGINS__DIRECTORIES: folder,
        // The bucket's settings are read and kept, though files stay here.
        LITEGEN__STORAGE__BACKEND: 'local',
        LITEGEN_S3_BUCKET: 'pictures',
        LITEGEN_S3_SECRET_ACCESS_KEY: SECRETS['the key of the bucket'],
        OPENAI_COMPATIBLE_API_KEY: SECRETS['the key of a vendor'],
        OPENAI_COMPATIBLE_BASE_URL: vendor.apiBase,
        LEAKY_API_KEY: SECRETS['the key of a plugin'],
      },
    });
    master = new Recorder(gateway.url, SECRETS['the master key']);
    const created = await new Client(gateway.url, SECRETS['the master key']).read<{ id: string; key: string }>('/v1/keys', {
      body: { name: 'caller', scopes: 'generate,read' },
    });
    caller = new Recorder(gateway.url, created.key);
    const unknown = `sk_live_${randomBytes(24).toString('hex')}`;
    stranger = new Recorder(gateway.url, unknown);
    callerKeys.push(created.key, unknown);
  });
  afterAll(async () => {
    await gateway?.stop();
    await vendor?.close();
    await inDatabase(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Everything that anybody but their owner got to see. */
  const shown = (): readonly (readonly [where: string, text: string])[] => [
    ['the logs', gateway.logs()],
    ...[master, caller, stranger].flatMap(({ seen }) => seen.map((text) => ['an answer', text] as const)),
  ];

  function expectHidden(name: string, secret: string): void {
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];
    for (const [where, text] of shown()) {
      for (const form of forms) {
        const at = text.indexOf(form);
        expect(at === -1 ? '' : `${name} is in ${where}: ${text.slice(Math.max(0, at - 200), at + 200)}`).toBe('');
      }
    }
  }

  it('reach their vendor, which repeats them in its errors', async () => {
    const secret = SECRETS['the key of a vendor'];
    const image = { model: 'openai-compatible/image', prompt: 'a boat' };
    expect((await caller.image({ ...image, response_format: 'url' })).status).toBe(200);
    expect(vendor.requests[0]?.headers['authorization']).toBe(`Bearer ${secret}`);
    for (const status of [400, 401, 403, 500]) {
      const message = `the key ${secret} (${encodeURIComponent(secret)}, Basic ${Buffer.from(secret).toString('base64')}) is wrong for ${ENCODED}`;
      vendor.inject({ kind: 'status', status, body: { error: { message, type: secret, code: secret } } }, { times: 3 });
      const { status: answered } = await caller.image({ ...image, prompt: `a boat ${status}` });
      expect(answered).toBeGreaterThanOrEqual(400);
      vendor.reset();
    }
    vendor.inject({ kind: 'garbage' });
    await caller.image({ ...image, prompt: 'garbage' });
  });

  it('reach their plugin, which lets them slip', async () => {
    for (const prompt of LEAKS) expect((await caller.image({ model: 'leaky/image', prompt })).status).toBeGreaterThanOrEqual(400);
    // The plugin was there, and its lines are.
    expect(gateway.logs()).toMatch(/using \[redacted\]/);
  });

  it('come with requests, good and bad', async () => {
    const withPicture = (value: string) => ({ model: 'mock/paint', prompt: 'x', reference_images: [{ type: 'base64', value }] });
    expect((await caller.image({ ...withPicture(ENCODED), response_format: 'url' })).status).toBe(200);
    for (const body of [
      withPicture(NOISE),
      withPicture(`${ENCODED}!`),
      withPicture(`data:image/png;base64,${NOISE}`),
      { ...withPicture(ENCODED), reference_images: [{ type: 'url', value: `http://${NOISE.replaceAll(/[^A-Za-z0-9]/g, '')}.test/` }] },
      { ...withPicture(ENCODED), mystery: NOISE },
      { ...withPicture(ENCODED), prompt: { image: NOISE } },
    ]) {
      expect((await caller.image(body)).status, JSON.stringify(body).slice(0, 120)).toBe(400);
    }
    const broken = `{"model": "mock/paint", "prompt": "x", "image": "${ENCODED}`;
    const answer = await caller.send('/v1/images/edits', { body: broken, headers: { 'content-type': 'application/json' } });
    expect(answer.status).toBe(400);
    const form = new FormData();
    form.append('model', 'mock/paint');
    form.append('prompt', 'x');
    form.append('image', ENCODED);
    form.append('mystery', NOISE);
    expect((await caller.send('/v1/images/edits', { body: form })).status).toBe(400);
  });

  it('are tried by strangers', async () => {
    expect((await stranger.image({ model: 'mock/paint', prompt: 'x' })).status).toBe(401);
    expect((await caller.send('/v1/keys')).status).toBe(403);
    const named = await stranger.send(`/v1/images/${callerKeys[0]}`, { method: 'POST' });
    expect(named.status).toBe(404);
  });

  it('stand behind every document and list', async () => {
    for (const path of [
      '/v1/providers',
      '/v1/models',
      '/v1/generations?per_page=1000',
      '/v1/keys',
      '/v1/stats',
      '/v1/logs',
      '/health',
      '/health/ready',
      '/openapi.json',
      '/openapi.yaml',
      '/docs',
      '/metrics',
    ]) {
      const { status, text } = await master.send(path);
      expect([200, 503], `${path}: ${text.slice(0, 200)}`).toContain(status);
      expect(text.length).toBeGreaterThan(10);
    }
    for (const { id } of await caller.generations()) await caller.generation(id);
  });

  it.each(Object.entries(SECRETS))('never show afterwards: %s', (name, secret) => expectHidden(name, secret));

  it('never show afterwards: the keys of callers', () => {
    // A stranger's own address is his own to be told.
    for (const key of callerKeys) {
      for (const list of [master, caller, stranger])
        for (const [index, text] of list.seen.entries()) if (text.startsWith(`/v1/images/${key}`)) list.seen.splice(index, 1);
      expectHidden('a key', key);
    }
  });

  it.each([
    ['the picture that was sent', ENCODED],
    ['the noise that was sent', NOISE],
  ])('never show afterwards: %s', (name, text) => {
    for (const start of [0, 400, 2_000]) expectHidden(name, text.slice(start, start + 48));
  });

  it('do not show when the start fails', async () => {
    const secret = SECRETS['the password of the database'];
    for (const databaseUrl of [`postgres://${role}:${secret}@127.0.0.1:1/none`, `mysql://${role}:${secret}@127.0.0.1:1/none`]) {
      const env = { LITEGEN__MASTER_KEY: SECRETS['the master key'], LITEGEN__DATABASE__START_TIMEOUT_SECONDS: '0' };
      const failure = await startGateway({ databaseUrl, env }).then(
        () => 'it started',
        (error: unknown) => String(error),
      );
      expect(failure).toMatch(/ended with code 1/);
      expect(failure).not.toContain(secret);
    }
    const failure = await startGateway({ env: { LITEGEN__SECRETS_KEY: `${secret}!` } }).catch((error: unknown) => String(error));
    expect(failure).toMatch(/secrets_key/);
    expect(failure).not.toContain(secret);
  });
});
