import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_TENANT, SCOPES, wholeOf } from '../../src/domain/access/index.js';
import { type GenerationCommand, GenerationsService } from '../../src/engine/generations/index.js';
import { Database } from '../../src/platform/database/index.js';
import { LedgerRepository, ReconciliationRepository } from '../../src/policy/budgets/index.js';
import { testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';
import { addKey, spendingOf } from '../support/keys.js';

const KEY_ID = 'key-charges';
const PATIENCE_MS = 20_000;
const PICTURE_MICROS = 5_000_000;
const VIDEO_MICROS = 500_000;

/** The opposite of what is usual, so that nothing passes by accident. */
const MODELS = `
models:
  - { id: mock/expensive-image, charges: { failed: no, content_rejected: yes } }
  - { id: mock/expensive-video, charges: { failed: yes, cancelled: yes } }
  - id: mock/expensive-batch
    provider: mock
    media_type: image
    display_name: Expensive batch
    pricing: { base_cost_usd: "5.00" }
    capabilities: { text_to_image: true }
    params: { n: { kind: int, min: 1, max: 4 } }
`;

describe.each(databases())('what comes to nothing is billed by the vendor’s rules on $name', ({ url }) => {
  let app: NestFastifyApplication;
  let engine: GenerationsService;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'litegen-charges-'));
    writeFileSync(join(folder, 'charges.yaml'), MODELS);
    ({ app } = await testApplication(url, { engine: { tick_ms: 50 }, models_directory: folder }));
    engine = app.get(GenerationsService);
    await addKey(app.get(Database), KEY_ID, 1_000_000_000);
    return () => rmSync(folder, { recursive: true, force: true });
  });

  function command(kind: 'image' | 'video', prompt: string): GenerationCommand {
    return {
      principal: { kind: 'key', ...DEFAULT_TENANT, keyId: KEY_ID, label: 'k', scopes: new Set(SCOPES), strict: true },
      requestId: 'req_test',
      operation: kind === 'image' ? 'image.generate' : 'video.generate',
      model: `mock/expensive-${kind}`,
      prompt,
      params: kind === 'image' ? {} : { duration_seconds: 1 },
      references: [],
      unknown: {},
      gateway: [],
      strict: true,
      partialImages: 0,
      dialect: 'litegen',
    };
  }

  const spending = () => spendingOf(app.get(Database), KEY_ID);

  it.each([
    ['image', 'x [mock fail=content_rejected charged=unknown]', 'settled', PICTURE_MICROS],
    ['image', 'x [mock fail=content_rejected charged=no]', 'released', 0],
    ['image', 'x [mock fail=invalid_response charged=unknown]', 'held', null],
  ] as const)('%s: %s', async (kind, prompt, holdState, costMicros) => {
    const before = await spending();
    const { generation } = await engine.create(command(kind, prompt), { wait: { until: 'ended', timeoutMs: PATIENCE_MS } });
    expect(generation).toMatchObject({ status: 'failed', holdState, costMicros });
    const after = await spending();
    expect(after.usedMicros - before.usedMicros).toBe(costMicros ?? 0);
    expect(after.heldMicros - before.heldMicros).toBe(holdState === 'held' ? generation.holdMicros : 0);
  });

  it('a cancellation that the vendor confirms', async () => {
    const before = await spending();
    const { generation } = await engine.create(command('video', 'x [mock latency=60s]'), {
      wait: { until: 'accepted', timeoutMs: PATIENCE_MS },
    });
    const cancelled = (await engine.cancel(wholeOf(DEFAULT_TENANT), generation.id)).generation;
    expect(cancelled).toMatchObject({ status: 'cancelled', holdState: 'settled', costMicros: VIDEO_MICROS });
    expect((await spending()).usedMicros - before.usedMicros).toBe(VIDEO_MICROS);
  });

  it('k of n costs k', async () => {
    const before = await spending();
    const { generation, outputs } = await engine.create(
      { ...command('image', 'x [mock outputs=2]'), model: 'mock/expensive-batch', n: 3 },
      { wait: { until: 'ended', timeoutMs: PATIENCE_MS } },
    );
    expect([outputs.length, generation.holdMicros, generation.costMicros]).toEqual([2, 3 * PICTURE_MICROS, 2 * PICTURE_MICROS]);
    expect(await spending()).toMatchObject({ usedMicros: before.usedMicros + 2 * PICTURE_MICROS, heldMicros: before.heldMicros });
  });

  it('the books are in order', async () => {
    const books = new ReconciliationRepository(app.get(Database), new LedgerRepository());
    expect([await books.differences(), await books.discrepancies()]).toEqual([[], []]);
  });
});
