// Writes what the present release leaves behind after a scenario: a SQLite database and a Postgres dump, each with the facts that an upgrade
// must keep, and their files, into test/fixtures/releases/<version>/. Run once for each release, with a Postgres server whose version pg_dump knows:
//
//   node scripts/release-fixture.mjs postgres://user:password@host/postgres
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { stringify } from 'yaml';
import { ROOT } from './files.mjs';

const MASTER_KEY = 'fixture-master-key-5c0d2a9e';
/** Of the fixtures alone. */
const SECRETS_KEY = Buffer.alloc(32, 7).toString('base64');
const SMALL = { size: '256x256' };
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const target = join(ROOT, 'test/fixtures/releases', version);
const [adminUrl] = process.argv.slice(2);
if (adminUrl === undefined) throw new Error('usage: node scripts/release-fixture.mjs postgres://user:password@host/postgres');

rmSync(target, { recursive: true, force: true });
await sqliteFixture();
await postgresFixture();

async function sqliteFixture() {
  const folder = join(target, 'sqlite');
  mkdirSync(folder, { recursive: true });
  await withGateway(undefined, async (gateway) => {
    const facts = await scenario(gateway);
    await gateway.stop();
    // The shutdown may leave a log beside the file; opening it once more moves the log into the file.
    const { default: sqlite3 } = await import('sqlite3');
    const database = new sqlite3.Database(join(gateway.directory, 'litegen.db'));
    await new Promise((done, fail) => database.exec('PRAGMA wal_checkpoint(TRUNCATE); VACUUM;', (error) => (error ? fail(error) : done())));
    await new Promise((done) => database.close(done));
    writeFileSync(join(folder, 'litegen.db.gz'), gzipSync(readFileSync(join(gateway.directory, 'litegen.db')), { level: 9 }));
    keep(folder, gateway, facts);
  });
}

async function postgresFixture() {
  const folder = join(target, 'postgres');
  mkdirSync(folder, { recursive: true });
  const name = `litegen_fixture_${process.pid}`;
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = Object.assign(new URL(adminUrl), { pathname: `/${name}` }).href;
  try {
    await withGateway(url, async (gateway) => {
      const facts = await scenario(gateway);
      await gateway.stop();
      const dump = execFileSync('pg_dump', ['--inserts', '--no-owner', '--no-privileges', '--no-comments', url], {
        maxBuffer: 2 ** 28,
      }).toString();
      // Commands of psql and settings of the dumping server's version: a plain client runs what is left on any version.
      const statements = dump.split('\n').filter((line) => !/^\\|^SET |^SELECT pg_catalog.set_config|^--/.test(line));
      writeFileSync(join(folder, 'dump.sql.gz'), gzipSync(statements.join('\n'), { level: 9 }));
      keep(folder, gateway, facts);
    });
  } finally {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }
}

function keep(folder, gateway, facts) {
  // Addressed by their content, so that both databases share them.
  cpSync(join(gateway.directory, 'blobs'), join(target, 'blobs'), { recursive: true });
  writeFileSync(join(folder, 'facts.json'), `${JSON.stringify(facts, null, 2)}\n`);
}

async function withGateway(databaseUrl, work) {
  const directory = mkdtempSync(join(tmpdir(), 'litegen-fixture-'));
  const hooks = await receiver();
  writeFileSync(
    join(directory, 'litegen.yaml'),
    stringify({
      master_key: MASTER_KEY,
      secrets_key: SECRETS_KEY,
      database_url: databaseUrl ?? `sqlite://${join(directory, 'litegen.db')}`,
      server: { port: 0, drain_delay_seconds: 0 },
      storage: { path: join(directory, 'blobs') },
      cache: { enabled: true, models: ['mock/paint'] },
      egress: { allow: [new URL(hooks.url).host] },
    }),
  );
  const child = spawn(process.execPath, [join(ROOT, 'dist/src/app/main.js')], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH },
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  const ended = new Promise((done) => child.once('exit', done));
  try {
    while (!/is ready at/.test(output)) {
      if (child.exitCode !== null) throw new Error(output);
      await delay(50);
    }
    const url = /is ready at ([^\s"]+)/.exec(output)[1];
    const stop = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    await work({ directory, url, stop, hooks });
  } finally {
    child.kill('SIGKILL');
    await ended;
    hooks.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A receiver of webhooks that can be told to refuse. */
async function receiver() {
  const state = { refuses: false };
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(state.refuses ? 500 : 204).end());
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { state, url: `http://127.0.0.1:${server.address().port}`, close: () => server.closeAllConnections() ?? server.close() };
}

/** @returns what a later release must still answer */
async function scenario(gateway) {
  const call = async (method, path, body, { key = MASTER_KEY, status, headers = {} } = {}) => {
    const isForm = body instanceof FormData;
    const response = await fetch(gateway.url + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : isForm ? body : JSON.stringify(body),
    });
    const text = await response.text();
    if (status === undefined ? !response.ok : response.status !== status) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  const post = (path, body, options) => call('POST', path, body, options);
  const draw = (prompt, more = {}, options = {}) =>
    post('/v1/images/generations', { model: 'mock/priced-paint', prompt, response_format: 'url', ...more }, options);
  const film = (prompt, more = {}, options = {}) =>
    post('/v1/videos', { model: 'mock/priced-clip', prompt, seconds: '1', ...more }, { headers: { prefer: 'wait=20' }, ...options });
  const { hooks } = gateway;

  // Who may: keys of every kind.
  const keys = {};
  keys.storefront = await post('/v1/keys', { name: 'storefront', token_quota: 5, rpm_limit: 600, webhook_url: `${hooks.url}/key` });
  keys.admin = await post('/v1/keys', { name: 'admin', scopes: 'generate,read,admin' });
  keys.reader = await post('/v1/keys', { name: 'reader', scopes: 'read' });
  keys.bounded = await post('/v1/keys', {
    name: 'bounded',
    allowed_models: ['mock/*'],
    max_in_flight: 1,
    max_queued: 5,
    cache: { ttl_seconds: 86400 },
  });
  keys.expiring = await post('/v1/keys', { name: 'expiring', expires_at: '2100-01-01T00:00:00Z' });
  keys.inactive = await post('/v1/keys', { name: 'inactive' });
  await call('PATCH', `/v1/keys/${keys.inactive.id}`, { is_active: false });
  keys.deleted = await post('/v1/keys', { name: 'deleted' });
  await call('DELETE', `/v1/keys/${keys.deleted.id}`);
  keys.rotated = await post('/v1/keys', { name: 'rotated' });
  const rotation = await post(`/v1/keys/${keys.rotated.id}/rotate`, {});
  const shop = { key: keys.storefront.key };

  // How much: budgets on every level.
  await post('/v1/budgets', { level: 'organization', limit_usd: 1000 });
  await post('/v1/budgets', { level: 'application', limit_usd: 500, period: 'month' });
  await post('/v1/budgets', { level: 'key', limit_usd: 50, period: 'week' });
  await post('/v1/budgets', { level: 'user', subject: 'user-1', limit_usd: 0.05, period: 'day' });

  // Whom to tell.
  const endpoint = await post('/v1/webhooks/endpoints', { url: `${hooks.url}/all`, allow_request_urls: true, description: 'everything' });
  const signed = await post('/v1/webhooks/endpoints', { url: `${hooks.url}/signed`, algorithm: 'ed25519' });
  await post(`/v1/webhooks/endpoints/${endpoint.id}/rotate-secret`, {});

  // Every end that a generation can have.
  await draw(
    'a red boat',
    { user: 'user-1', metadata: { order: 17, tags: ['spring'] } },
    { ...shop, headers: { 'idempotency-key': 'order-17' } },
  );
  await draw('two green boats', { n: 2 }, shop);
  await draw('a blue boat', { model: 'mock/paint', ...SMALL }, { key: keys.bounded.key });
  await draw('a blue boat', { model: 'mock/paint', ...SMALL }, { key: keys.bounded.key });
  await draw('too dear for this user', { n: 10, user: 'user-1' }, { ...shop, status: 402 });
  await draw('refused [mock fail=content_rejected]', {}, { ...shop, status: 400 });
  await draw('billed though it failed [mock fail=internal at=run charged=yes]', {}, { ...shop, status: 502 });
  await draw('nobody knows [mock drop]', {}, { ...shop, status: 502 });
  await draw('nobody knows, cleared later [mock drop]', {}, { ...shop, status: 502 });
  const form = new FormData();
  form.set('model', 'mock/priced-paint');
  form.set('prompt', 'a boat with a mast');
  form.set('image', await pictureOf(gateway, await draw('a boat', { model: 'mock/paint', ...SMALL })), 'boat.png');
  await post('/v1/images/edits', form, shop);
  await film('a boat sails', { metadata: { note: 'ümläut 船' } }, shop);
  const running = await film('a boat that sails for an hour [mock latency=3600s progress]', {}, { ...shop, headers: {} });
  const cancelled = await film('a boat that is called back [mock latency=3600s]', {}, { ...shop, headers: {} });
  await delay(1500);
  await call('DELETE', `/v1/videos/${cancelled.id}`, undefined, shop);
  const waiting = [];
  for (const prompt of ['first', 'second'])
    waiting.push(await film(`${prompt} of a queue [mock latency=3600s]`, { model: 'mock/clip' }, { key: keys.bounded.key, headers: {} }));
  await post('/v1/quote', { model: 'mock/priced-paint', prompt: 'a boat, one day' }, shop);
  await delay(1500);

  // What operators do.
  const listed = (await call('GET', '/v1/generations?per_page=100')).data;
  const unknown = listed.filter(({ error }) => error?.code === 'outcome_unknown');
  if (unknown.length !== 2) throw new Error(`${unknown.length} unknown outcomes`);
  await post(`/v1/generations/${unknown[0].id}/resolve`, { charged: 'yes' });
  const paid = listed.find(({ status, cost_usd: costUsd }) => status === 'completed' && costUsd > 0.01);
  await post(`/v1/generations/${paid.id}/refund`, { amount_usd: 0.01, reason: 'the boat had no sail' });

  // Deliveries that still wait when the release stops.
  hooks.state.refuses = true;
  await draw('a boat whose news do not arrive', {}, shop);
  await delay(1500);
  const facts = {
    version,
    master_key: MASTER_KEY,
    secrets_key: SECRETS_KEY,
    keys: Object.fromEntries(Object.entries(keys).map(([name, { id, key }]) => [name, { id, key }])),
    rotated_key: rotation.key,
    endpoints: [endpoint.id, signed.id],
    running: running.id,
    cancelled: cancelled.id,
    waiting: waiting.map(({ id }) => id),
    idempotency_key: 'order-17',
    generations: (await call('GET', '/v1/generations?per_page=100')).data,
    budgets: await call('GET', '/v1/budgets'),
    api_keys: await call('GET', '/v1/keys'),
    webhook_endpoints: await call('GET', '/v1/webhooks/endpoints'),
    stats: await call('GET', '/v1/stats'),
  };
  return facts;
}

async function pictureOf(gateway, { data }) {
  const response = await fetch(new URL(data[0].url, gateway.url));
  return new Blob([await response.arrayBuffer()], { type: 'image/png' });
}
