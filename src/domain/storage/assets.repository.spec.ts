import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databases } from '../../../test/support/databases.js';
import { configSchema } from '../../platform/config/index.js';
import { Database, insertEntities, openDataSources } from '../../platform/database/index.js';
import { AssetEntity } from './asset.entity.js';
import { AssetsRepository } from './assets.repository.js';

const TABLE = `CREATE TABLE assets (
  id TEXT PRIMARY KEY, org_id TEXT NOT NULL, app_id TEXT NOT NULL, generation_id TEXT NOT NULL, direction TEXT NOT NULL,
  position INTEGER NOT NULL, role TEXT, sha256 TEXT NOT NULL, content_type TEXT NOT NULL, bytes BIGINT NOT NULL, width INTEGER,
  height INTEGER, duration_ms BIGINT, revised_prompt TEXT, source_url TEXT, created_at BIGINT NOT NULL)`;

function asset(fields: Partial<AssetEntity>): AssetEntity {
  return {
    id: 'asset-1',
    orgId: 'org-1',
    appId: 'app-1',
    generationId: 'generation-1',
    direction: 'output',
    position: 0,
    role: null,
    sha256: 'a'.repeat(64),
    contentType: 'video/mp4',
    bytes: 5_000_000_000,
    width: 1280,
    height: 720,
    durationMs: 8000,
    revisedPrompt: null,
    sourceUrl: null,
    createdAt: 1_790_000_000_000,
    ...fields,
  };
}

describe.each(databases())('assets on $name', ({ url }) => {
  let database: Database;
  let assets: AssetsRepository;

  beforeAll(async () => {
    database = new Database(await openDataSources(configSchema.parse({ database_url: url }), [AssetEntity], []));
    assets = new AssetsRepository(database);
    await database.write((manager) => manager.query(TABLE));
    await database.transaction((manager) =>
      insertEntities(manager, AssetEntity, [
        asset({ id: 'asset-1' }),
        asset({ id: 'asset-2', position: 1, sha256: 'b'.repeat(64) }),
        asset({ id: 'asset-0', direction: 'input', role: 'mask', bytes: 1, durationMs: null, createdAt: 1 }),
        asset({ id: 'asset-3', generationId: 'generation-2' }),
        asset({ id: 'asset-4', generationId: 'generation-3', orgId: 'org-2', createdAt: 1_800_000_000_000 }),
      ]),
    );
  });
  afterAll(() => database.close());

  it('come back as they were, numbers as numbers', async () => {
    expect(await assets.find('asset-1')).toEqual(asset({}));
    expect(await assets.find('asset-9')).toBeNull();
  });

  it('are listed by generation, in order', async () => {
    const ids = (await assets.byGeneration(['generation-1', 'generation-2'])).map(({ id }) => id);
    expect(ids).toEqual(['asset-0', 'asset-1', 'asset-2', 'asset-3']);
    expect(await assets.byGeneration([])).toEqual([]);
  });

  it('are seen by their tenant alone', async () => {
    expect((await assets.byHashForTenant('org-2', 'app-1', 'a'.repeat(64)))?.id).toBe('asset-4');
    expect((await assets.byHashForTenant('org-1', 'app-1', 'a'.repeat(64)))?.orgId).toBe('org-1');
    expect(await assets.byHashForTenant('org-1', 'app-2', 'a'.repeat(64))).toBeNull();
    expect(await assets.byHashForTenant('org-2', 'app-1', 'b'.repeat(64))).toBeNull();
  });

  it('keep a blob alive, whoever owns them', async () => {
    await database.transaction(async (manager) => {
      expect(await assets.isReferenced(manager, 'b'.repeat(64))).toBe(true);
      await manager.delete(AssetEntity, { id: 'asset-2' });
      expect(await assets.isReferenced(manager, 'b'.repeat(64))).toBe(false);
    });
  });
});
