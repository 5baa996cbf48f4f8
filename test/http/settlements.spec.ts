import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FAL_TEST_KEY, type FalSimulator, startFalSimulator } from 'litegen-provider-fal/simulator';
import { type OpenAiSimulator, startOpenAiSimulator } from 'litegen-provider-openai/simulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CatalogService } from '../../src/domain/catalog/index.js';
import { Database } from '../../src/platform/database/index.js';
import { LedgerRepository, ReconciliationRepository } from '../../src/policy/budgets/index.js';
import { testApplication } from '../support/application.js';
import type { GenerationView } from '../support/client.js';
import { databases } from '../support/databases.js';

const MASTER = 'a-master-key-for-the-settlements';

/** Rules of an operator who knows what his contract with fal says. */
const RULES = `
models:
  - { id: fal/flux-kontext-max, charges: { content_rejected: yes, failed: no } }
  - { id: fal/flux-kontext-pro, charges: { content_rejected: no } }
`;

const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const REFERENCE = { reference_images: [{ type: 'url', value: PNG }] };
const FIRST_FRAME = { reference_images: [{ type: 'url', value: PNG, role: 'first_frame' }] };

type Expected = readonly [status: string, costUsd: number, source: string | null, hold: string];
type Row = readonly [name: string, model: string, fields: object, expected: Expected];

/** What vendors report, as their documents show it, and what follows from it by hand at their published prices. */
const SETTLEMENTS: readonly Row[] = [
  // OpenAI: `usage` of the answer. The played vendor counts a quarter of the prompt's letters and 323 tokens for each picture that it gets.
  ['2 x $5 + 439 x $30', 'openai/gpt-image-2', { prompt: 'a boat!!', quality: 'medium' }, ['completed', 0.01318, 'usage', 'settled']],
  [
    '2 x $5 + 2 x 196 x $30',
    'openai/gpt-image-2',
    { prompt: 'a boat!!', quality: 'low', n: 2 },
    ['completed', 0.01177, 'usage', 'settled'],
  ],
  [
    '2 x $5 + 323 x $8 + 196 x $30',
    'openai/gpt-image-2',
    { prompt: 'a boat!!', quality: 'low', ...REFERENCE },
    ['completed', 0.008474, 'usage', 'settled'],
  ],
  ['2 x $2 + 196 x $8', 'openai/gpt-image-1-mini', { prompt: 'a boat!!', quality: 'low' }, ['completed', 0.001572, 'usage', 'settled']],
  ['refused before any work', 'openai/gpt-image-2', { prompt: 'forbidden-input' }, ['failed', 0, 'not_charged', 'released']],
  ['refused after the work', 'openai/gpt-image-2', { prompt: 'forbidden-output' }, ['failed', 0, null, 'held']],
  // fal: `x-fal-billable-units` of the result, where the model says what they count.
  ['2 megapixels at $0.025', 'fal/flux-dev', { prompt: 'x [units=2]', n: 2 }, ['completed', 0.05, 'usage', 'settled']],
  [
    '3 megapixels with those of the reference at $0.012',
    'fal/flux-2',
    { prompt: 'x [units=3]', ...REFERENCE },
    ['completed', 0.036, 'usage', 'settled'],
  ],
  [
    'no report: 1 + 1 megapixel of FLUX.2 [pro]',
    'fal/flux-2-pro',
    { prompt: 'x [units=none]', ...REFERENCE },
    ['completed', 0.045, 'usage', 'settled'],
  ],
  ['3.2 s of computing at $0.00111', 'fal/sdxl', { prompt: 'x [units=3.2]' }, ['completed', 0.003552, 'usage', 'settled']],
  [
    '3 pictures made, 1 of them withheld: fal bills 3 at $0.03',
    'fal/seedream-v4',
    { prompt: 'x [some-nsfw] [units=3]', n: 3 },
    ['completed', 0.09, 'usage', 'settled'],
  ],
  ['all withheld: fal bills all the same', 'fal/seedream-v4', { prompt: 'x [nsfw]', n: 2 }, ['failed', 0.06, 'catalog', 'settled']],
  ['5.9 s at $0.045', 'fal/hailuo-02', { prompt: 'x [units=5.9]', ...FIRST_FRAME }, ['completed', 0.2655, 'usage', 'settled']],
  ['no report: 5 s at $0.07', 'fal/kling-v2.5-turbo-pro', { prompt: 'x [units=none]' }, ['completed', 0.35, 'catalog', 'settled']],
  ['a server error is never billed', 'fal/flux-dev', { prompt: 'x [final]' }, ['failed', 0, 'not_charged', 'released']],
  ['an empty account is never billed', 'fal/flux-dev', { prompt: 'x [balance]' }, ['failed', 0, 'not_charged', 'released']],
  ['a 422 about the size is found by reading', 'fal/flux-dev', { prompt: 'x [bad-size]' }, ['failed', 0, 'not_charged', 'released']],
  ['a refusal may have been billed', 'fal/flux-dev', { prompt: 'x [policy]' }, ['failed', 0, null, 'held']],
  [
    'a refusal where the rules say that it is billed',
    'fal/flux-kontext-max',
    { prompt: 'x [policy]' },
    ['failed', 0.08, 'catalog', 'settled'],
  ],
  [
    'a refusal where the rules say that it is not',
    'fal/flux-kontext-pro',
    { prompt: 'x [policy]' },
    ['failed', 0, 'not_charged', 'released'],
  ],
  ['nobody knows whether the result exists', 'fal/flux-kontext-max', { prompt: 'x [empty]' }, ['failed', 0, null, 'held']],
];

const [sqlite] = databases();

/** Whatever day it is. */
const LASTING = `models: [{ id: openai/gpt-image-1-mini, lifecycle: { sunset: 2099-01-01 } }]`;

describe('what vendors report is what is settled', () => {
  let app: NestFastifyApplication;
  let openai: OpenAiSimulator;
  let fal: FalSimulator;
  let key: { readonly id: string; readonly key: string };
  const models = mkdtempSync(join(tmpdir(), 'litegen-settlements-'));
  let settledUsd = 0;

  beforeAll(async () => {
    writeFileSync(join(models, 'rules.yaml'), RULES);
    writeFileSync(join(models, 'lasting.yaml'), LASTING);
    openai = await startOpenAiSimulator();
    fal = await startFalSimulator({ callBack: false, queuedPolls: 0, runningPolls: 0 });
    ({ app } = await testApplication(sqlite?.url ?? '', {
      master_key: MASTER,
      models_directory: models,
      engine: { tick_ms: 50 },
      providers: { openai: { api_base: openai.apiBase, api_key: openai.apiKey }, fal: { ...fal.settings, api_key: FAL_TEST_KEY } },
    }));
    key = await send<typeof key>('POST', '/v1/keys', { name: 'k', scopes: 'generate,read', token_quota: 1000 }, {}, MASTER);
  });
  afterAll(async () => {
    await Promise.all([openai?.close(), fal?.close()]);
    rmSync(models, { recursive: true, force: true });
  });

  async function send<T>(method: 'GET' | 'POST' | 'PATCH', url: string, payload?: object, headers: object = {}, as = key.key): Promise<T> {
    const answer = await app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${as}`, ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
    return answer.json<T>();
  }

  async function run(model: string, fields: object): Promise<GenerationView> {
    const route = app.get(CatalogService).get(model).media_type === 'video' ? '/v1/videos' : '/v1/images/generations';
    const { id, error } = await send<{ id?: string; error?: { generation_id: string } }>('POST', route, { model, ...fields });
    return send('GET', `/v1/generations/${id ?? error?.generation_id}`, undefined, { prefer: 'wait=30' });
  }

  it.each(SETTLEMENTS)('%s: %s', async (_name, model, fields, [status, costUsd, source, hold]) => {
    const generation = await run(model, fields);
    expect([generation.status, generation.cost_usd, generation.cost_source, generation.hold.state]).toEqual([
      status,
      costUsd,
      source,
      hold,
    ]);
    settledUsd += costUsd;
  });

  it('fal takes nothing for what it had not begun when it was cancelled', async () => {
    const { id } = await send<{ id: string }>('POST', '/v1/videos', { model: 'fal/kling-v2.5-turbo-pro', prompt: 'x [new-word]' });
    const cancelled = await send<GenerationView>('PATCH', `/v1/generations/${id}`, { status: 'cancelled' });
    expect([cancelled.status, cancelled.cost_usd, cancelled.cost_source, cancelled.hold.state]).toEqual([
      'cancelled',
      0,
      'not_charged',
      'released',
    ]);
  });

  it('all of it adds up on the key', async () => {
    const { tokens_used: used } = await send<{ tokens_used: number }>('GET', `/v1/keys/${key.id}`, undefined, {}, MASTER);
    expect(used).toBeCloseTo(settledUsd, 6);
    const books = new ReconciliationRepository(app.get(Database), new LedgerRepository());
    expect([await books.differences(), await books.discrepancies()]).toEqual([[], []]);
  });
});
