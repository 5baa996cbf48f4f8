import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { expect } from 'vitest';
import { DEFAULT_TENANT, type KeySpending } from '../../src/domain/access/index.js';
import { Clock, type Micros } from '../../src/platform/common/index.js';
import { type Database, insertRows } from '../../src/platform/database/index.js';
import { BudgetDirectory, BudgetKeyQuotas, BudgetsRepository } from '../../src/policy/budgets/index.js';

/** An API key with its quota, for tests that do not go through the API. */
export async function addKey(database: Database, id: string, quotaMicros: Micros | null, createdAtMs = 1): Promise<void> {
  await database.transaction(async (manager) => {
    await insertRows(manager, 'api_keys', [
      {
        id,
        org_id: DEFAULT_TENANT.orgId,
        app_id: DEFAULT_TENANT.appId,
        name: 'k',
        public_id: id,
        key_hash: id,
        key_prefix: 'sk',
        scopes: 'generate',
        is_active: true,
        created_at: createdAtMs,
        updated_at: createdAtMs,
      },
    ]);
    await quotas(database).open(manager, { id, ...DEFAULT_TENANT }, quotaMicros, createdAtMs);
  });
}

/** An API key made through the API, and the header that shows it. */
export async function createKey(
  app: NestFastifyApplication,
  master: { readonly authorization: string },
  fields: object,
): Promise<{ id: string; headers: { authorization: string } }> {
  const created = await app.inject({ method: 'POST', url: '/v1/keys', headers: master, payload: { name: 'limited', ...fields } });
  expect(created.statusCode).toBe(201);
  const { id, key } = created.json<{ id: string; key: string }>();
  return { id, headers: { authorization: `Bearer ${key}` } };
}

export async function spendingOf(database: Database, keyId: string): Promise<KeySpending> {
  const found = (await quotas(database).of([keyId])).get(keyId);
  if (found === undefined) throw new Error(`The key ${keyId} has no quota`);
  return found;
}

function quotas(database: Database): BudgetKeyQuotas {
  const repository = new BudgetsRepository(database);
  return new BudgetKeyQuotas(repository, new BudgetDirectory(repository, new Clock()));
}
