import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_TENANT } from '../../src/domain/access/index.js';
import { Database, insertRows, rows } from '../../src/platform/database/index.js';
import { testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';
import { attemptRow, generationRow, SEED_TIME_MS, seed } from '../support/generations.js';

const PAGE_BYTES = 4_194_304;
const { orgId, appId } = DEFAULT_TENANT;
const TENANT = { org_id: orgId, app_id: appId };

interface Listed {
  readonly data: readonly { readonly id: string; readonly metadata?: unknown }[];
  readonly next_cursor?: string | null;
  readonly last_id?: string | null;
  readonly has_more?: boolean;
  readonly total?: number;
}

/** A list with what names its rows. `remove` makes a row vanish as its owner, a retention or an operator would. */
interface List {
  readonly name: string;
  readonly path: string;
  /** The parameter of the page's length. */
  readonly length: string;
  readonly remove: (database: Database, id: string) => Promise<unknown>;
}

const deleted = (table: string) => (database: Database, id: string) =>
  database.write((manager) => rows(manager, `DELETE FROM ${table} WHERE id = :id RETURNING id`, { id }));
const marked = (table: string) => (database: Database, id: string) =>
  database.write((manager) => rows(manager, `UPDATE ${table} SET deleted_at = 1 WHERE id = :id RETURNING id`, { id }));

const KEY = 'key-of-the-lists';
const ENDPOINT = 'we_of_the_lists';

const LISTS: readonly List[] = [
  { name: 'generations', path: '/v1/generations?', length: 'per_page', remove: marked('generations') },
  { name: 'generations, gone for good', path: '/v1/generations?', length: 'per_page', remove: deleted('generations') },
  { name: 'logs', path: '/v1/logs?', length: 'per_page', remove: marked('generations') },
  { name: 'videos', path: '/v1/videos?', length: 'limit', remove: marked('generations') },
  { name: 'videos, oldest first', path: '/v1/videos?order=asc&', length: 'limit', remove: marked('generations') },
  { name: 'keys', path: '/v1/keys?', length: 'per_page', remove: deleted('api_keys') },
  { name: 'budgets', path: '/v1/budgets?', length: 'per_page', remove: marked('budgets') },
  { name: 'endpoints', path: '/v1/webhooks/endpoints?', length: 'per_page', remove: marked('webhook_endpoints') },
  { name: 'deliveries', path: `/v1/webhooks/endpoints/${ENDPOINT}/deliveries?`, length: 'per_page', remove: deleted('webhook_deliveries') },
  { name: 'deliveries of a key', path: `/v1/keys/${KEY}/webhook-deliveries?`, length: 'per_page', remove: deleted('webhook_attempts') },
];

describe.each(databases())('lists on $name', ({ url }) => {
  let app: NestFastifyApplication;
  let database: Database;

  beforeAll(async () => {
    ({ app } = await testApplication(url));
    database = app.get(Database);
  });

  async function get(path: string): Promise<{ status: number; bytes: number; body: Listed & { error?: { param: string; code: string } } }> {
    const answer = await app.inject({ url: path });
    return { status: answer.statusCode, bytes: answer.body.length, body: answer.json() };
  }

  /** Nine of everything; several with the same time, and with bodies of so many bytes. */
  async function fill(bodyBytes: number): Promise<void> {
    await database.transaction(async (manager) => {
      for (const table of [
        'webhook_attempts',
        'webhook_deliveries',
        'webhook_messages',
        'webhook_endpoints',
        'attempts',
        'generations',
        'budgets',
        'api_keys',
      ]) {
        await rows(manager, `DELETE FROM ${table} WHERE org_id = :orgId RETURNING org_id`, { orgId });
      }
    });
    const numbers = Array.from({ length: 9 }, (_, index) => index);
    const at = (index: number): number => SEED_TIME_MS + Math.floor(index / 4);
    const filler = { filler: 'ä'.repeat(bodyBytes / 2) };
    const generations = numbers.map((index) =>
      generationRow({
        id: `litegen-vid-${index}`,
        mediaType: 'video',
        operation: 'video.generate',
        createdAt: at(index),
        metadata: filler,
      }),
    );
    await seed(database, { generations, attempts: generations.map((one) => attemptRow(one)) });
    const key = (id: string, index: number) => ({
      ...TENANT,
      id,
      name: id,
      public_id: id,
      key_hash: id,
      key_prefix: 'sk',
      scopes: 'read',
      is_active: true,
      allowed_models: JSON.stringify(['m'.repeat(bodyBytes)]),
      created_at: at(index),
      updated_at: at(index),
    });
    await database.transaction(async (manager) => {
      await insertRows(manager, 'api_keys', [...numbers.slice(1).map((index) => key(`key-${index}`, index)), key(KEY, 0)]);
      await insertRows(
        manager,
        'budgets',
        numbers.map((index) => ({
          ...TENANT,
          id: `budget-${index}`,
          level: 'user',
          subject: `user-${index}`,
          period: 'none',
          limit_micros: 1,
          created_at: at(index),
          updated_at: at(index),
        })),
      );
      const endpoint = (id: string, index: number) => ({
        ...TENANT,
        id,
        kind: 'key',
        key_id: KEY,
        url: `https://example.com/${id}`,
        event_types: '["generation.completed"]',
        allow_request_urls: false,
        algorithm: 'hmac-sha256',
        secret: 'x',
        created_at: at(index),
        updated_at: at(index),
      });
      await insertRows(manager, 'webhook_endpoints', [
        ...numbers.slice(1).map((index) => endpoint(`we_${index}`, index)),
        endpoint(ENDPOINT, 0),
      ]);
      await insertRows(
        manager,
        'webhook_messages',
        numbers.map((index) => ({
          ...TENANT,
          id: `msg_${index}`,
          type: 'generation.completed',
          body: JSON.stringify(filler),
          created_at: at(index),
        })),
      );
      await insertRows(
        manager,
        'webhook_deliveries',
        numbers.map((index) => ({
          ...TENANT,
          id: `wd_${index}`,
          message_id: `msg_${index}`,
          endpoint_id: ENDPOINT,
          state: 'delivered',
          created_at: at(index),
          updated_at: at(index),
        })),
      );
      await insertRows(
        manager,
        'webhook_attempts',
        numbers.map((index) => ({
          ...TENANT,
          id: `wa_${index}`,
          delivery_id: `wd_${index}`,
          ordinal: 1,
          url: 'https://example.com',
          success: true,
          duration_ms: 1,
          created_at: at(index),
        })),
      );
    });
  }

  /** Follows the list to its end, as the SDKs do. */
  async function follow({ path, length }: List, perPage: number, each: (page: Listed, bytes: number) => Promise<void>): Promise<void> {
    let after = '';
    for (let pages = 0; pages < 20; pages += 1) {
      const { status, body, bytes } = await get(`${path}${length}=${perPage}${after}`);
      expect(status, JSON.stringify(body)).toBe(200);
      await each(body, bytes);
      const next = body.has_more === undefined ? body.next_cursor : body.has_more ? body.last_id : null;
      if (next === null || next === undefined) return;
      after = `&after=${encodeURIComponent(next)}`;
    }
    expect.fail('the list has no end');
  }

  it.each(LISTS)('$name: a cursor survives the deletion of its row, and no row comes twice or is missed', async (list) => {
    await fill(10);
    if (list.name.endsWith('for good')) {
      await database.write((manager) => rows(manager, 'DELETE FROM attempts WHERE org_id = :orgId RETURNING id', { orgId }));
    }
    const seen: string[] = [];
    await follow(list, 2, async ({ data }) => {
      expect(data.length).toBeLessThanOrEqual(2);
      seen.push(...data.map(({ id }) => id));
      for (const { id } of data) if (id !== KEY && id !== ENDPOINT) await list.remove(database, id);
    });
    expect(seen).toHaveLength(9);
    expect(new Set(seen).size).toBe(9);
  });

  it.each(LISTS.filter(({ name }) => !/budgets|endpoints|^deliveries$/.test(name)))(
    '$name: a page ends early rather than grow, and what is left can be had',
    async (list) => {
      const ROW_BYTES = 1_500_000;
      await fill(ROW_BYTES);
      const seen: string[] = [];
      let pages = 0;
      await follow(list, 100, async ({ data }, bytes) => {
        pages += 1;
        expect(bytes).toBeLessThan(PAGE_BYTES + 100_000);
        seen.push(...data.map(({ id }) => id));
      });
      expect(new Set(seen).size).toBe(9);
      expect(seen).toHaveLength(9);
      expect(pages).toBeGreaterThanOrEqual((9 * ROW_BYTES) / PAGE_BYTES);
    },
  );

  it('gives a row that is larger than a page on a page of its own', async () => {
    await fill(6_000_000);
    const { body } = await get('/v1/generations?per_page=3');
    expect(body.data).toHaveLength(1);
    expect(body.total).toBe(9);
  });

  it('writes all rows into the CSV, whatever hangs on them', async () => {
    await fill(1_500_000);
    const csv = (await app.inject({ url: '/v1/logs?format=csv' })).body;
    expect(csv.trim().split('\r\n')).toHaveLength(10);
    expect(csv.length).toBeLessThan(10_000);
  });

  it.each([
    'nothing',
    '',
    '0',
    'MQ',
    Buffer.from('1 a\0b').toString('base64url'),
    Buffer.from('-1 a').toString('base64url'),
    'x'.repeat(301),
    '%00',
  ])('takes no cursor that it never gave: %s', async (after) => {
    for (const { path } of LISTS.filter(({ name }) => !/videos/.test(name))) {
      const { status, body } = await get(`${path}after=${after}`);
      expect([status, body.error?.param], `${path} ${JSON.stringify(body)}`).toEqual([400, 'after']);
    }
  });

  it('takes no video’s id that is another’s, or an image’s', async () => {
    const others = generationRow({ orgId: 'org-0', appId: 'app-0', mediaType: 'video' });
    const image = generationRow();
    await seed(database, { generations: [others, image] });
    for (const { id } of [others, image]) expect((await get(`/v1/videos?after=${id}`)).status).toBe(404);
  });
});
