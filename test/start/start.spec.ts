import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databases } from '../support/databases.js';
import { type Ended, runBuilt } from '../support/process.js';

const NOBODY = 65_534;
/** As processes of every release take it. */
const MIGRATION_LOCK = 7_226_431_907;
const isRoot = process.getuid?.() === 0;
const READABLE = { LITEGEN__OBSERVABILITY__JSON_LOGS: 'false' };
const READY = /LiteGen is ready at/;

const root = mkdtempSync(join(tmpdir(), 'litegen-start-'));
let folders = 0;
let taken: Server;

function folder(): string {
  const directory = join(root, String(++folders));
  mkdirSync(directory);
  return directory;
}

beforeAll(async () => {
  chmodSync(root, 0o755);
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  taken.close();
  rmSync(root, { recursive: true, force: true });
});
const takenPort = (): string => String((taken.address() as AddressInfo).port);

function problemsOf({ code, stdout, stderr }: Ended): string[] {
  expect(code).toBe(1);
  // Said once, and nowhere else.
  expect(stdout).not.toMatch(/Error|\bat /);
  const [first, ...lines] = stderr.trimEnd().split('\n');
  expect(first).toBe('LiteGen did not start:');
  for (const line of lines) expect(line).toMatch(/^ {2}- [^\n]*[^\s]$/);
  expect(stderr).not.toMatch(/\n\s+at |node:internal|node_modules|undefined|\[object/);
  return lines.map((line) => line.slice('  - '.length));
}

describe('a start that fails says why in a sentence', () => {
  const cases: Readonly<Record<string, readonly [Readonly<Record<string, string>>, RegExp, ((directory: string) => void)?]>> = {
    'a wrong type': [{ LITEGEN__SERVER__PORT: 'abc' }, /^server\.port: expected a whole number, 0 to 65535 \(it is "abc"\)$/],
    'a host that is not this machine': [
      { LITEGEN__SERVER__HOST: '192.0.2.1', LITEGEN__MASTER_KEY: 'a-long-random-value' },
      /^server\.host: 192\.0\.2\.1 is no address of this machine$/,
    ],
    'an unknown provider': [{ LITEGEN__PROVIDERS__ACME__API_KEY: 'k' }, /^providers\.acme: there is no plugin "acme"; there are .*mock/],
    'broken YAML': [
      {},
      /litegen\.yaml: .* at line 2, column 1$/,
      (directory) => writeFileSync(join(directory, 'litegen.yaml'), 'server: [\n'),
    ],
    'a database file that is none': [
      { LITEGEN__DATABASE_URL: 'sqlite://notes.txt' },
      /^database_url: .*notes\.txt cannot be used: it is no SQLite database$/,
      (directory) => writeFileSync(join(directory, 'notes.txt'), 'milk, eggs and a good deal of other things'),
    ],
    'a database in what is no folder': [
      { LITEGEN__DATABASE_URL: 'sqlite://notes.txt/litegen.db' },
      /^database_url: .* cannot be used: .*notes\.txt is no folder\. Change its owner/,
      (directory) => writeFileSync(join(directory, 'notes.txt'), ''),
    ],
    'files in what is no folder': [
      { LITEGEN__STORAGE__PATH: 'notes.txt' },
      /^storage\.path: .*notes\.txt/,
      (directory) => writeFileSync(join(directory, 'notes.txt'), ''),
    ],
    'pending migrations': [
      { LITEGEN__DATABASE__MIGRATE_ON_START: 'false' },
      /^database\.migrate_on_start is false, .*run `litegen migrate`/,
    ],
    'no database there': [
      { LITEGEN__DATABASE_URL: 'postgres://u:canary@127.0.0.1:1/d', LITEGEN__DATABASE__START_TIMEOUT_SECONDS: '0' },
      /^database_url: Postgres at 127\.0\.0\.1:1\/d cannot be reached: nothing listens there$/,
    ],
  };

  it.each(Object.keys(cases))('%s', { timeout: 60_000 }, async (name) => {
    const [env, sentence, prepare] = cases[name] as (typeof cases)[string];
    const directory = folder();
    prepare?.(directory);
    const ended = await runBuilt('main.js', [], { directory, env: { LITEGEN__SERVER__PORT: '0', ...READABLE, ...env } });
    const problems = problemsOf(ended);
    expect(problems).toEqual([expect.stringMatching(sentence)]);
    expect(ended.stdout + ended.stderr).not.toContain('canary');
  });

  it('a port that is taken, as people and as JSON lines are told', { timeout: 60_000 }, async () => {
    const sentence = `server.port: ${takenPort()} of 127.0.0.1 is taken by another program`;
    const env = { LITEGEN__SERVER__PORT: takenPort() };
    expect(problemsOf(await runBuilt('main.js', [], { directory: folder(), env: { ...env, ...READABLE } }))[0]).toContain(sentence);
    const { code, stdout, stderr } = await runBuilt('main.js', [], { directory: folder(), env });
    expect(code).toBe(1);
    const lines = (stdout + stderr)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines.filter(({ msg }) => msg.includes(sentence))).toHaveLength(1);
  });

  it.runIf(isRoot)('a data folder of somebody else', { timeout: 60_000 }, async () => {
    const directory = folder();
    mkdirSync(join(directory, 'data'));
    const database = await runBuilt('main.js', [], { directory, env: READABLE, uid: NOBODY });
    expect(problemsOf(database)).toEqual([
      expect.stringMatching(
        /^database_url: .*data\/litegen\.db cannot be used: .*data cannot be written to by this user \(uid 65534; its owner is 0\)/,
      ),
    ]);
    mkdirSync(join(directory, 'own'));
    chmodSync(join(directory, 'own'), 0o777);
    mkdirSync(join(directory, 'data/blobs/tmp'), { recursive: true });
    const env = { ...READABLE, LITEGEN__SERVER__PORT: '0', LITEGEN__DATABASE_URL: 'sqlite://own/litegen.db' };
    const files = await runBuilt('main.js', [], { directory, env, uid: NOBODY });
    expect(problemsOf(files)).toEqual([expect.stringMatching(/^storage\.path: .*data\/blobs/)]);
    // What the doctor says is the same.
    const doctor = await runBuilt('cli.js', ['doctor'], { directory, env: READABLE, uid: NOBODY });
    expect(doctor.stdout).toMatch(/^fail {2}database {2}.*data cannot be written to by this user/m);
  });

  it.each(databases().filter(({ name }) => name === 'postgres'))('what $name refuses', { timeout: 60_000 }, async ({ url }) => {
    const wrong = new URL(url);
    wrong.pathname = '/no_such_database';
    const env = { ...READABLE, LITEGEN__DATABASE_URL: wrong.href };
    expect(problemsOf(await runBuilt('main.js', [], { directory: folder(), env }))).toEqual([
      expect.stringMatching(/^database_url: Postgres at .*\/no_such_database cannot be reached: the server has no such database$/),
    ]);
  });
});

describe.each(databases().filter(({ name }) => name === 'postgres'))('a start that waits for its turn to migrate on $name', ({ url }) => {
  it('is refused when `database.migration_wait_seconds` have passed', { timeout: 60_000 }, async () => {
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    // Of a transaction, so that a pooler leaves it with this connection.
    await other.query('BEGIN');
    await other.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    try {
      const env = { ...READABLE, LITEGEN__DATABASE_URL: url, LITEGEN__SERVER__PORT: '0', LITEGEN__DATABASE__MIGRATION_WAIT_SECONDS: '1' };
      const { code, stderr } = await runBuilt('main.js', [], { directory: folder(), env });
      expect(code).toBe(1);
      expect(stderr).toMatch(/could not be brought up to date within 1 seconds \(database\.migration_wait_seconds\)/);
    } finally {
      await other.end();
    }
  });
});

describe('a start that works', () => {
  it('tells a person where it is, who can be called, and how to begin', { timeout: 60_000 }, async () => {
    const env = { ...READABLE, LITEGEN__SERVER__PORT: '0', FAL_KEY: 'a-key\n' };
    const { stdout, stderr, code } = await runBuilt('main.js', [], { directory: folder(), env, until: READY });
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^LiteGen is ready at http:\/\/127\.0\.0\.1:\d+$/m);
    expect(stdout).toMatch(/^ {2}Providers +fal, mock$/m);
    expect(stdout).toMatch(/^ {2}Others +.*openai \(set OPENAI_API_KEY\)/m);
    expect(stdout).toContain('"response_format": "url"');
    expect(stdout).not.toMatch(/undefined|\[object|InstanceLoader/);
  });

  it.each([
    ['0.0.0.0', /ready at http:\/\/127\.0\.0\.1:\d+ \(bound to 0\.0\.0\.0:\d+, every address of this machine\)/],
    ['::1', /ready at http:\/\/\[::1\]:\d+$/m],
  ])('names the address that is bound: %s', { timeout: 60_000 }, async (host, line) => {
    const env = { ...READABLE, LITEGEN__SERVER__PORT: '0', LITEGEN__SERVER__HOST: host, LITEGEN_MASTER_KEY: 'a-long-random-value' };
    expect((await runBuilt('main.js', [], { directory: folder(), env, until: READY })).stdout).toMatch(line);
  });

  it('writes nothing but JSON where logs are JSON', { timeout: 60_000 }, async () => {
    const env = { LITEGEN__SERVER__PORT: '0', LITEGEN__OBSERVABILITY__JSON_LOGS: 'true', LITEGEN__OBSERVABILITY__LOG_LEVEL: 'warn' };
    const { stdout, stderr } = await runBuilt('main.js', [], { directory: folder(), env, until: READY });
    expect(stderr).toBe('');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'info',
        context: 'Start',
        msg: expect.stringMatching(READY),
        providers: ['mock'],
        url: expect.any(String),
      }),
    ]);
  });

  it('by the command, whose options go before the environment, and that before .env and the file', { timeout: 60_000 }, async () => {
    const directory = folder();
    writeFileSync(join(directory, '.env'), 'LITEGEN__SERVER__PORT=0\nFAL_KEY=from-env-file\nLITEGEN__OBSERVABILITY__JSON_LOGS=false\n');
    writeFileSync(join(directory, 'other.yaml'), 'server: { host: 127.0.0.1, port: 1 }\nproviders: { openai: { api_key: from-file } }\n');
    const { stdout } = await runBuilt('cli.js', ['-c', 'other.yaml', '--host', '::1', '--log-level', 'info'], { directory, until: READY });
    expect(stdout).toMatch(/ready at http:\/\/\[::1\]:\d+$/m);
    expect(stdout).toMatch(/^ {2}Settings +.*other\.yaml, .*\.env$/m);
    expect(stdout).toMatch(/^ {2}Providers +fal, mock, openai$/m);
    const { stderr } = await runBuilt('cli.js', ['start', '-p', 'eighty'], { directory });
    expect(stderr).toContain('server.port: expected a whole number, 0 to 65535 (it is "eighty")');
    const config = await runBuilt('cli.js', ['config', '--config', 'other.yaml'], { directory, env: { LITEGEN__SERVER__HOST: '::1' } });
    expect(config.stdout).toMatch(/host: ("|')?::1/);
    expect(config.stdout).toContain('port: 0');
  });
});
