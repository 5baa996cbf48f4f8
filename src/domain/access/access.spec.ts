import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import { assetRow, attemptRow, generationRow, seed } from '../../../test/support/generations.js';
import { buildOpenApi } from '../../app/http/openapi-generation.js';
import { Database, rows } from '../../platform/database/index.js';
import { DEFAULT_TENANT, SCOPES, type Scope } from './access.js';
import { mayUseModel } from './auth.service.js';

const MASTER = 'a-master-key-for-the-matrix';
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** Not rows of a tenant: the catalogue is the same for all. */
const SHARED_PATHS = ['/v1/models/{id}'];
/** What gets past validation, where the id must be looked up after it. */
const BODIES: Readonly<Record<string, object>> = {
  patchGeneration: { status: 'cancelled' },
  resolveGeneration: { charged: 'no' },
  refundGeneration: { amount_usd: 1, reason: 'x' },
};

/** Every key that there can be, as far as scopes go. */
const SCOPE_SETS: readonly (readonly Scope[])[] = [1, 2, 3, 4, 5, 6, 7].map((bits) =>
  SCOPES.filter((_scope, place) => (bits >> place) % 2 === 1),
);

interface Operation {
  readonly name: string;
  readonly method: (typeof METHODS)[number];
  readonly path: string;
  /** Undefined: public. */
  readonly scope: Scope | undefined;
}

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly body: string;
}

describe.each(databases())('access on $name', ({ url }) => {
  let app: NestFastifyApplication;
  let operations: Operation[];
  /** By what they may do, such as `generate,read`. */
  const keys = new Map<string, string>();
  /** What belongs to another application of the same organization, and to another organization. */
  const foreignIds: string[] = [];

  beforeAll(async () => {
    ({ app } = await testApplication(url, { master_key: MASTER }));
    operations = readOperations(app);
    await Promise.all(SCOPE_SETS.map(async (scopes) => keys.set(scopes.join(), await createKey(scopes))));
    await makeForeignRows();
  });

  function readOperations(application: NestFastifyApplication): Operation[] {
    const paths = buildOpenApi(application).paths as Record<string, Record<string, Record<string, unknown> | undefined>>;
    return Object.entries(paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method];
        if (operation === undefined) return [];
        return [{ name: String(operation['operationId']), method, path, scope: operation['x-required-scope'] as Scope | undefined }];
      }),
    );
  }

  async function createKey(scopes: readonly Scope[]): Promise<string> {
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/keys',
      headers: { authorization: `Bearer ${MASTER}` },
      payload: { name: 'walks', scopes: scopes.join() },
    });
    return answer.json<{ key: string }>().key;
  }

  async function makeForeignRows(): Promise<void> {
    const database = app.get(Database);
    const now = Date.now();
    await database.write((manager) =>
      rows(
        manager,
        `INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES ('org-other', 'Other', 'other', :now, :now) RETURNING id`,
        { now },
      ),
    );
    const tenants = [
      { orgId: DEFAULT_TENANT.orgId, appId: 'app-sibling' },
      { orgId: 'org-other', appId: 'app-other' },
      // The ids of one tenant mixed with those of the caller's.
      { orgId: 'org-other', appId: DEFAULT_TENANT.appId },
    ];
    for (const tenant of tenants) {
      const image = generationRow(tenant);
      const running = generationRow({
        ...tenant,
        id: `litegen-vid-${image.id}`,
        status: 'running',
        mediaType: 'video',
        operation: 'video.generate',
      });
      const attempt = attemptRow(image);
      const asset = assetRow(image);
      await seed(database, { generations: [image, running], attempts: [attempt], assets: [asset, assetRow(running)] });
      foreignIds.push(image.id, running.id, attempt.id, asset.id);
      if (tenant.appId === DEFAULT_TENANT.appId) continue;
      const keyId = `key-of-${tenant.appId}`;
      await database.write(async (manager) => {
        await rows(
          manager,
          `INSERT INTO applications (id, org_id, name, slug, created_at, updated_at)
           VALUES (:appId, :orgId, 'Other', :appId, :now, :now) RETURNING id`,
          { ...tenant, now },
        );
        await rows(
          manager,
          `INSERT INTO api_keys (id, org_id, app_id, name, public_id, key_hash, key_prefix, scopes, is_active, created_at, updated_at)
           VALUES (:keyId, :orgId, :appId, 'foreign', :keyId, :keyId, 'sk_live_', 'read', :active, :now, :now) RETURNING id`,
          { ...tenant, keyId, active: true, now },
        );
      });
      const budgetId = `budget-of-${tenant.appId}`;
      await database.write((manager) =>
        rows(
          manager,
          `INSERT INTO budgets (id, org_id, app_id, level, subject, period, limit_micros, created_at, updated_at)
           VALUES (:budgetId, :orgId, :appId, 'application', :appId, 'month', 1, :now, :now) RETURNING id`,
          { ...tenant, budgetId, now },
        ),
      );
      foreignIds.push(keyId, budgetId);
    }
  }

  async function call({ name, method, path }: Operation, authorization?: string, id = 'unknown'): Promise<Answer> {
    const answer = await app.inject({
      method: method.toUpperCase() as 'GET',
      url: path.replace(/\{\w+\}/g, encodeURIComponent(id)),
      headers: { ...(authorization === undefined ? {} : { authorization }) },
      ...(method === 'get' || method === 'delete' ? {} : { payload: BODIES[name] ?? {} }),
    });
    const { body, statusCode: status } = answer;
    const code = body.startsWith('{"error"') ? (JSON.parse(body) as { error: { code: string } }).error.code : undefined;
    return { status, code, body };
  }

  const scoped = (): Operation[] => operations.filter(({ scope }) => scope !== undefined);

  it('is declared for every operation, and public only where nothing is told', () => {
    expect(operations.length).toBeGreaterThan(20);
    const open = operations.filter(({ scope }) => scope === undefined).map(({ method, path }) => `${method} ${path}`);
    expect(open.sort()).toEqual(['get /.well-known/litegen-webhooks.json', 'get /health/live', 'get /health/ready', 'get /v1/files/{id}']);
    const scopes = Object.fromEntries(scoped().map(({ method, path, scope }) => [`${method} ${path}`, scope]));
    expect(scopes).toMatchObject({
      'post /v1/images/generations': 'generate',
      'post /v1/images/variations': 'generate',
      'post /v1/images/cost': 'generate',
      'post /v1/videos/{id}/remix': 'generate',
      'post /v1/videos/generations': 'generate',
      'post /v1/videos/cost': 'generate',
      'get /v1/videos/{id}': 'generate',
      'get /v1/models': 'read',
      'get /v1/models/{id}': 'read',
      'get /v1/providers': 'read',
      'get /health': 'read',
      'get /v1/stats': 'read',
      'get /v1/logs': 'read',
      'get /v1/logs/{id}/artifact': 'read',
      'get /v1/generations': 'read',
      'get /v1/generations/{id}': 'read',
      'patch /v1/generations/{id}': 'generate',
      'delete /v1/videos/{id}': 'generate',
      'post /v1/keys': 'admin',
      'get /v1/keys': 'admin',
      'get /v1/keys/{id}': 'admin',
      'patch /v1/keys/{id}': 'admin',
      'delete /v1/keys/{id}': 'admin',
      'post /v1/keys/{id}/rotate': 'admin',
      'post /v1/generations/{id}/resolve': 'admin',
      'post /v1/generations/{id}/refund': 'admin',
      'post /v1/budgets': 'admin',
      'get /v1/budgets': 'admin',
      'get /v1/budgets/{id}': 'admin',
      'patch /v1/budgets/{id}': 'admin',
      'delete /v1/budgets/{id}': 'admin',
      'delete /v1/cache': 'admin',
    });
  });

  it('is refused without a key and with a wrong one', async () => {
    const wrong = [`Bearer sk_live_${'0'.repeat(48)}`, 'Bearer x', `Bearer ${MASTER}x`, `Bearer ${MASTER.slice(0, -1)}`, `Basic ${MASTER}`];
    for (const operation of scoped()) {
      const without = await call(operation);
      expect([operation.name, without.status, without.code]).toEqual([operation.name, 401, 'authentication_required']);
      for (const authorization of wrong) {
        const answer = await call(operation, authorization);
        expect([operation.name, authorization, answer.status, answer.code]).toEqual([
          operation.name,
          authorization,
          401,
          'invalid_api_key',
        ]);
      }
    }
    for (const path of ['/v1/models/mock/paint', '/v1/models/a/b/c']) expect((await app.inject({ url: path })).statusCode).toBe(401);
  });

  it('is given by the one scope that the document names, and by no others together', async () => {
    for (const operation of scoped()) {
      for (const scopes of SCOPE_SETS) {
        const { status, code } = await call(operation, `Bearer ${keys.get(scopes.join())}`);
        const refused = status === 403 && code === 'forbidden_scope';
        expect([operation.name, scopes, refused]).toEqual([operation.name, scopes, !scopes.some((scope) => scope === operation.scope)]);
      }
    }
  });

  it('ends at the tenant: what is another’s is as unknown as what never was', async () => {
    const walked = scoped().filter(({ path }) => path.includes('{') && !SHARED_PATHS.includes(path));
    expect(walked.length).toBeGreaterThan(8);
    for (const operation of walked) {
      const never = await call(operation, `Bearer ${keys.get(SCOPES.join())}`, 'never-was');
      expect([operation.name, never.status]).toEqual([operation.name, 404]);
      for (const id of foreignIds) {
        const answer = await call(operation, `Bearer ${keys.get(SCOPES.join())}`, id);
        const told = answer.body.replaceAll(id, 'never-was').replace(/req_\w+/, '');
        expect([operation.name, id, told]).toEqual([operation.name, id, never.body.replace(/req_\w+/, '')]);
      }
    }
  });

  it('ends at the tenant in lists and figures as well', async () => {
    const lists = scoped().filter(({ method, path }) => method === 'get' && !path.includes('{'));
    for (const operation of lists) {
      const { body, status } = await call(operation, `Bearer ${keys.get(SCOPES.join())}`);
      expect([operation.name, status]).toEqual([operation.name, 200]);
      expect([operation.name, foreignIds.filter((id) => body.includes(id))]).toEqual([operation.name, []]);
    }
    const stats = await app.inject({ url: '/v1/stats', headers: { authorization: `Bearer ${keys.get(SCOPES.join())}` } });
    expect(stats.json()).toMatchObject({ total_requests: 0, total_cost_usd: 0, models_used: [], providers_used: [] });
  });
});

describe('mayUseModel', () => {
  it.each([
    [undefined, 'openai/gpt-image-1', true],
    [[], 'openai/gpt-image-1', false],
    [['openai/gpt-image-1'], 'openai/gpt-image-1', true],
    [['openai/gpt-image-1'], 'openai/gpt-image-1-mini', false],
    [['openai/*'], 'openai/gpt-image-1', true],
    [['openai/*'], 'openai-compatible/gpt-image-1', false],
    [['*'], 'fal/flux', true],
    [['*/flux-*'], 'fal/flux-dev', true],
    [['*/flux-*'], 'fal/flux', false],
    [['fal/*-pro*-max'], 'fal/flux-pro-1.1-max', true],
    [['fal/*pro*pro'], 'fal/flux-pro', false],
    [['ab*ba'], 'aba', false],
    [['fal/flux', 'mock/*'], 'mock/paint', true],
    // The patterns are no regular expressions.
    [['fal/flux.dev'], 'fal/flux-dev', false],
    [['.*'], 'fal/flux-dev', false],
    [['MOCK/*'], 'mock/paint', false],
  ])('%j allows %s: %s', (allowedModels, model, allowed) => {
    expect(mayUseModel({ allowedModels }, model)).toBe(allowed);
  });
});
