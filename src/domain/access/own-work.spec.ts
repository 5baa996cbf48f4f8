import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import { assetRow, generationRow, seed } from '../../../test/support/generations.js';
import { createKey } from '../../../test/support/keys.js';
import { buildOpenApi } from '../../app/http/openapi-generation.js';
import type { GenerationEntity } from '../../engine/generations/index.js';
import { Database, rows } from '../../platform/database/index.js';
import { BlobStore } from '../storage/index.js';
import { SCOPES, type Scope } from './access.js';

const MASTER = 'a-master-key-for-own-work';
const PROMPT = 'a secret garden behind the third house';
const METHODS = ['get', 'post', 'patch', 'delete'] as const;
const BODIES: Readonly<Record<string, object>> = {
  patchGeneration: { status: 'cancelled' },
  resolveGeneration: { charged: 'no' },
  refundGeneration: { amount_usd: 0.01, reason: 'x' },
};
/** Routes whose id is that of a generation. */
const OF_GENERATIONS = /^\/v1\/(generations|videos|logs)\/\{id\}/;
const LISTS = ['/v1/generations', '/v1/videos', '/v1/logs', '/v1/logs?format=csv'];

interface Operation {
  readonly name: string;
  readonly method: (typeof METHODS)[number];
  readonly path: string;
  readonly scope: Scope;
}

interface Caller {
  readonly scopes: readonly Scope[];
  readonly id: string;
  readonly headers: { readonly authorization: string };
}

describe.each(databases())('what was made with a key on $name', ({ url }) => {
  const master = { authorization: `Bearer ${MASTER}` };
  let app: NestFastifyApplication;
  let owner: Caller;
  /** One for every set of scopes. */
  let strangers: Caller[];
  let operations: Operation[];

  beforeAll(async () => {
    ({ app } = await testApplication(url, { master_key: MASTER }));
    const paths = buildOpenApi(app).paths as Record<string, Record<string, Record<string, unknown> | undefined>>;
    operations = Object.entries(paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method];
        const scope = operation?.['x-required-scope'] as Scope | undefined;
        return scope === undefined || !OF_GENERATIONS.test(path) ? [] : [{ name: String(operation?.['operationId']), method, path, scope }];
      }),
    );
    owner = await caller(['generate', 'read']);
    const sets = [1, 2, 3, 4, 5, 6, 7].map((bits) => SCOPES.filter((_scope, place) => (bits >> place) % 2 === 1));
    strangers = await Promise.all(sets.map(caller));
  });

  async function caller(scopes: readonly Scope[]): Promise<Caller> {
    return { scopes, ...(await createKey(app, master, { scopes: scopes.join() })) };
  }

  /** A finished video of the owner's, as each walk may delete it. */
  async function video(change: Partial<GenerationEntity> = {}): Promise<GenerationEntity> {
    const { id } = generationRow();
    const row = generationRow({
      id: id.replace('img', 'vid'),
      mediaType: 'video',
      operation: 'video.generate',
      keyId: owner.id,
      ...change,
    });
    const generation = Object.assign(row, { request: { ...row.request, prompt: PROMPT } });
    await seed(app.get(Database), { generations: [generation], assets: [assetRow(generation)] });
    return generation;
  }

  async function ask({ method, path, name }: Operation, { headers }: Pick<Caller, 'headers'>, id: string) {
    const answer = await app.inject({
      method: method.toUpperCase() as 'GET',
      url: path.replace('{id}', id),
      headers,
      ...(method === 'get' || method === 'delete' ? {} : { payload: BODIES[name] ?? {} }),
    });
    return { status: answer.statusCode, body: answer.body };
  }

  const stored = async (id: string) =>
    JSON.stringify(await rows(app.get(Database).manager, 'SELECT * FROM generations WHERE id = :id', { id }));

  it('is unknown to other keys at every route, unless they are an administrator’s', async () => {
    expect(operations.map(({ name }) => name).sort()).toEqual([
      'deleteVideo',
      'followGeneration',
      'getGeneration',
      'getLogArtifact',
      'getVideo',
      'getVideoContent',
      'patchGeneration',
      'refundGeneration',
      'remixVideo',
      'resolveGeneration',
    ]);
    for (const status of ['completed', 'running'] as const) {
      for (const operation of operations) {
        for (const stranger of strangers) {
          // An administrator would follow what never ends here.
          if (operation.name === 'followGeneration' && status === 'running' && stranger.scopes.includes('admin')) continue;
          const { id } = await video({ status });
          const before = await stored(id);
          const told = await ask(operation, stranger, id);
          const label = [operation.name, status, stranger.scopes.join()];
          if (!stranger.scopes.includes(operation.scope)) {
            expect([...label, told.status]).toEqual([...label, 403]);
            expect(await stored(id)).toBe(before);
          } else if (stranger.scopes.includes('admin')) {
            // The file and the ledger of a seeded row are not there, and what runs is not finished.
            expect([...label, told.body.includes(`There is no`) && !told.body.includes('stored file')]).toEqual([...label, false]);
            expect([...label, told.status]).not.toEqual([...label, 403]);
          } else {
            const never = await ask(operation, stranger, 'never-was');
            const unsaid = (text: string) => text.replaceAll(id, 'never-was').replace(/req_\w+/, '');
            expect([...label, told.status, unsaid(told.body)]).toEqual([...label, 404, unsaid(never.body)]);
            expect(await stored(id)).toBe(before);
          }
        }
      }
    }
  }, 120_000);

  it('is its own to see, to cancel and to delete', async () => {
    const { id } = await video();
    for (const operation of operations.filter(({ name, method }) => method === 'get' && name !== 'getVideoContent')) {
      if (operation.name === 'followGeneration') continue;
      expect([operation.name, (await ask(operation, owner, id)).status]).toEqual([operation.name, 200]);
    }
    const running = await video({ status: 'running' });
    const cancel = operations.find(({ name }) => name === 'patchGeneration') as Operation;
    expect((await ask(cancel, owner, running.id)).status).toBe(200);
    const remove = operations.find(({ name }) => name === 'deleteVideo') as Operation;
    expect((await ask(remove, owner, id)).status).toBe(200);
    const other = await caller(['generate', 'read', 'admin']);
    expect((await ask(remove, other, (await video()).id)).status).toBe(200);
    const reader = await caller(['read', 'admin']);
    expect((await ask(cancel, reader, (await video({ status: 'running' })).id)).status).toBe(403);
  });

  it('is in nobody else’s lists, and its prompt nowhere', async () => {
    const { id } = await video();
    for (const path of LISTS) {
      const scope: Scope = path === '/v1/videos' ? 'generate' : 'read';
      for (const reader of [owner, ...strangers].filter(({ scopes }) => scopes.includes(scope))) {
        const { body } = await app.inject({ url: path, headers: reader.headers });
        const mine = reader === owner || reader.scopes.includes('admin');
        expect([path, reader.scopes.join(), body.includes(id)]).toEqual([path, reader.scopes.join(), mine]);
        if (!mine) expect(body).not.toContain(PROMPT);
      }
      expect((await app.inject({ url: path, headers: master })).body).toContain(id);
    }
    const [stranger] = strangers.filter(({ scopes }) => scopes.join() === 'generate,read');
    const page = await app.inject({ url: `/v1/videos?after=${id}`, headers: stranger?.headers });
    expect(page.statusCode).toBe(404);
    const total = (await app.inject({ url: '/v1/generations', headers: stranger?.headers })).json<{ total: number }>();
    expect(total.total).toBe(0);
  });

  it('is no reference of another’s, although its file has an id', async () => {
    const picture = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    const writer = await app.get(BlobStore).createWriter(1_000_000);
    await writer.write(picture);
    const { sha256 } = await writer.finish();
    const generation = generationRow({ keyId: owner.id });
    const asset = assetRow(generation, { sha256, bytes: picture.length, width: 1, height: 1 });
    await seed(app.get(Database), { generations: [generation], assets: [asset] });
    const edit = ({ headers }: Pick<Caller, 'headers'>) =>
      app.inject({
        method: 'POST',
        url: '/v1/images/edits',
        headers,
        payload: { model: 'mock/paint', prompt: 'x', images: [{ file_id: asset.id }] },
      });
    const stranger = strangers.find(({ scopes }) => scopes.join() === 'generate,read') as Caller;
    const refused = await edit(stranger);
    expect([refused.statusCode, refused.json()]).toMatchObject([400, { error: { code: 'reference_invalid', param: 'images[0]' } }]);
    for (const one of [owner, strangers.find(({ scopes }) => scopes.length === 3) as Caller]) {
      const taken = await edit(one);
      expect(taken.json<{ error?: { code: string } }>().error?.code).not.toBe('reference_invalid');
    }
  });
});
