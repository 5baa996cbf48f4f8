import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../migrations/index.js';
import { reconcile } from '../../src/app/cli/reconcile.js';
import { configSchema } from '../../src/platform/config/index.js';
import { Database, sqlitePath } from '../../src/platform/database/index.js';
import { type TestApplication, testApplication } from '../support/application.js';
import { databases, type TestDatabase } from '../support/databases.js';

const RELEASES = resolve(import.meta.dirname, '../fixtures/releases');
const ENDED = ['completed', 'failed', 'cancelled'];

/** Codes that a later release calls otherwise. */
const RENAMED: Readonly<Record<string, string>> = { content_policy_violation: 'moderation_blocked' };

interface StoredGeneration {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string } | null;
  readonly outputs: readonly { readonly url: string; readonly bytes: number; readonly content_type: string }[];
}

/** What `scripts/release-fixture.mjs` noted when the release stopped. */
interface Facts {
  readonly version: string;
  readonly master_key: string;
  readonly secrets_key: string;
  readonly keys: Readonly<Record<string, { readonly id: string; readonly key: string }>>;
  readonly rotated_key: string;
  readonly idempotency_key: string;
  readonly generations: readonly StoredGeneration[];
  readonly budgets: { readonly data: readonly { readonly id: string; readonly limit_usd: number }[] };
  readonly api_keys: unknown;
  readonly webhook_endpoints: { readonly data: readonly { readonly id: string }[] };
}

describe.each(readdirSync(RELEASES))('a database of release %s', (release) => {
  describe.each(databases())('on $name', ({ name, url }) => {
    const facts = JSON.parse(readFileSync(join(RELEASES, release, name, 'facts.json'), 'utf8')) as Facts;
    const blobs = mkdtempSync(join(tmpdir(), 'litegen-upgrade-'));
    const settings = {
      master_key: facts.master_key,
      secrets_key: facts.secrets_key,
      storage: { path: blobs },
      cache: { enabled: true, models: ['mock/paint'] },
      // So that what still runs stays as it is.
      role: 'api',
    };
    let application: TestApplication;

    beforeAll(async () => {
      cpSync(join(RELEASES, release, 'blobs'), blobs, { recursive: true });
      await restore(release, { name, url });
      application = await testApplication(url, settings);
    });
    afterAll(async () => {
      await application.close();
      rmSync(blobs, { recursive: true, force: true });
    });

    const get = async <T>(path: string, key = facts.master_key): Promise<{ status: number; body: T; bytes: number }> => {
      const answer = await application.app.inject({ url: path, headers: { authorization: `Bearer ${key}` } });
      const isJson = String(answer.headers['content-type']).includes('json');
      return { status: answer.statusCode, body: (isJson ? answer.json() : undefined) as T, bytes: answer.rawPayload.length };
    };

    it('keeps every generation, its cost and its error', async () => {
      expect(facts.generations.length).toBeGreaterThan(12);
      for (const before of facts.generations.filter(({ status }) => ENDED.includes(status))) {
        const { status, body } = await get<StoredGeneration>(`/v1/generations/${before.id}`);
        expect(status).toBe(200);
        // Links are signed anew, and a later release may tell more.
        const strip = ({ outputs, error, ...rest }: StoredGeneration) => ({
          ...rest,
          error: error === null ? null : { ...error, code: RENAMED[error.code] ?? error.code },
          result_url: null,
          outputs: outputs.map((one) => ({ ...one, url: '' })),
        });
        expect(strip(body)).toMatchObject(strip(before));
      }
    });

    it('knows refusals of a filter by one code: in generations, attempts and events', async () => {
      const database = application.app.get(Database);
      const count = async (rows: string): Promise<number> => {
        const [row] = await database.manager.query<{ count: number }[]>(`SELECT COUNT(*) AS count FROM ${rows}`);
        return Number(row?.count);
      };
      const event = (code: string): string => `webhook_messages WHERE body LIKE '%"type":"invalid_request_error","code":"${code}"%'`;
      for (const [before, now] of Object.entries(RENAMED)) {
        for (const rows of ['generations WHERE error_code = ', 'attempts WHERE error_code = ']) {
          expect(await count(`${rows}'${before}'`)).toBe(0);
          expect(await count(`${rows}'${now}'`)).toBeGreaterThan(0);
        }
        expect(await count(event(before))).toBe(0);
        expect(await count(event(now))).toBeGreaterThan(0);
      }
    });

    it('keeps every file', async () => {
      const ids = facts.generations.filter(({ outputs }) => outputs.length > 0).map(({ id }) => id);
      expect(ids.length).toBeGreaterThan(5);
      for (const id of ids) {
        const { body } = await get<StoredGeneration>(`/v1/generations/${id}`);
        for (const output of body.outputs) {
          const { pathname, search } = new URL(output.url, 'http://localhost');
          expect(await get(pathname + search)).toMatchObject({ status: 200, bytes: output.bytes });
        }
      }
    });

    it('knows who may come in, and who may not', async () => {
      const { storefront, admin, reader, inactive, deleted, rotated, expiring } = facts.keys;
      for (const key of [storefront, admin, reader, expiring]) expect((await get('/v1/models', key?.key)).status).toBe(200);
      for (const key of [inactive, deleted]) expect((await get('/v1/models', key?.key)).status).toBe(401);
      expect((await get('/v1/models', facts.rotated_key)).status).toBe(200);
      expect(rotated?.key).not.toBe(facts.rotated_key);
      expect((await get('/v1/keys', reader?.key)).status).toBe(403);
    });

    it('answers a repeated request from before with what it made', async () => {
      const made = facts.generations.find(({ status }) => status === 'completed');
      const answer = await application.app.inject({
        method: 'POST',
        url: '/v1/images/generations',
        headers: { authorization: `Bearer ${facts.keys['storefront']?.key}`, 'idempotency-key': facts.idempotency_key },
        payload: {
          model: 'mock/priced-paint',
          prompt: 'a red boat',
          response_format: 'url',
          user: 'user-1',
          metadata: { order: 17, tags: ['spring'] },
        },
      });
      expect(made).toBeDefined();
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['idempotent-replayed']).toBe('true');
    });

    it('keeps budgets and endpoints, and the ledger adds up', async () => {
      const budgets = await get<Facts['budgets']>('/v1/budgets');
      for (const { id, limit_usd } of facts.budgets.data) {
        expect(budgets.body.data).toContainEqual(expect.objectContaining({ id, limit_usd }));
      }
      const endpoints = await get<Facts['webhook_endpoints']>('/v1/webhooks/endpoints');
      expect(endpoints.body.data.map(({ id }) => id).sort()).toEqual(facts.webhook_endpoints.data.map(({ id }) => id).sort());
      let out = '';
      let code = 0;
      const terminal = {
        out: (text: string) => (out += text),
        error: (text: string) => (out += text),
        exitCode: (value: number) => (code = value),
      };
      const loadConfig = () => ({ config: configSchema.parse({ ...settings, database_url: url }), warnings: [] });
      await reconcile({ terminal, migrations: MIGRATIONS, loadConfig } as Parameters<typeof reconcile>[0], {});
      expect(out).toContain('no difference');
      expect(code).toBe(0);
    });
  });
});

async function restore(release: string, { name, url }: TestDatabase): Promise<void> {
  if (name === 'sqlite') {
    writeFileSync(sqlitePath(url), gunzipSync(readFileSync(join(RELEASES, release, 'sqlite/litegen.db.gz'))));
    return;
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(gunzipSync(readFileSync(join(RELEASES, release, 'postgres/dump.sql.gz'))).toString());
  } finally {
    await client.end();
  }
}
