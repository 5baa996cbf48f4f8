import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { CatalogService, isSunset, type PluginModelDirectory } from '../../domain/catalog/index.js';
import { auditPrices, type PriceAudit } from './price-audit.policy.js';
import { loadPriceFixtures } from './price-fixtures.loader.js';

const PLUGINS = new URL('../../../plugins/', import.meta.url);

/** The plugins of this repository that ship models, by their manifests. */
function shipped(): PluginModelDirectory[] {
  return readdirSync(PLUGINS).flatMap((name) => {
    const manifest = new URL(`${name}/package.json`, PLUGINS);
    if (!existsSync(manifest)) return [];
    const { litegen } = JSON.parse(readFileSync(manifest, 'utf8')) as { litegen?: { id: string; models?: string } };
    if (litegen?.models === undefined) return [];
    return [{ providerId: litegen.id, directory: fileURLToPath(new URL(`${name}/${litegen.models}/`, PLUGINS)) }];
  });
}

async function audit(directories: readonly PluginModelDirectory[]) {
  const catalog = await CatalogService.load({ plugins: directories });
  const { statements, problems } = await loadPriceFixtures(directories);
  return { catalog, problems, ...auditPrices(catalog.models(), statements, new Date()) };
}

describe('every way of pricing', async () => {
  const { checks, problems } = await audit([{ providerId: 'acme', directory: fileURLToPath(new URL('testdata', import.meta.url)) }]);

  it('has fixtures that can be read', () => {
    expect(problems).toEqual([]);
  });

  it.each(checks)('$model: $case', ({ agrees, problem }) => {
    expect({ agrees, problem }).toEqual({ agrees: true, problem: null });
  });
});

describe('the models that the repository ships', async () => {
  const { catalog, problems, checks, gaps, covered } = await audit(shipped());

  it('load without a problem', () => {
    expect([catalog.rejections(), catalog.warnings(), problems]).toEqual([[], [], []]);
  });

  it('are followed, where they were switched off, by one that lasts and does what they did', () => {
    const retired = catalog.models().filter((model) => isSunset(model, new Date()));
    expect(retired.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'openai/dall-e-2',
        'openai/dall-e-3',
        'openai/gpt-image-1',
        'openai/sora-2',
        'openai/sora-2-pro',
        'fal/imagen-4',
      ]),
    );
    // Some names are also those of models that last, such as the same one at another provider.
    const lasting = catalog.models().filter((model) => !retired.includes(model));
    const isTaken = (name: string) => lasting.some(({ id, aliases }) => id.endsWith(`/${name}`) || aliases.includes(name));
    for (const model of retired) {
      const standIn = catalog.standIn(model);
      expect(standIn?.operations, model.id).toEqual(expect.arrayContaining(model.operations));
      expect(standIn?.lifecycle?.sunset, model.id).toBeUndefined();
      for (const name of [model.id, ...model.aliases].filter((known) => !isTaken(known))) {
        expect(catalog.resolve(name, { providers: new Set(['openai', 'fal']) }), name).toMatchObject({ model: standIn, retired: model });
      }
    }
  });

  it('are in the table of names of retired models', () => {
    const text = readFileSync(new URL('../../../docs/use/clients.md', import.meta.url), 'utf8');
    const [, section = ''] = text.split('### Names of retired models');
    const lines = section
      .slice(0, section.indexOf('\n#'))
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const told = lines.flatMap((line) => {
      const names = [...line.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');
      return names
        .slice(0, -1)
        .map((name) => catalog.resolve(name, { providers: new Set(['openai', 'fal']) }))
        .map((meant) => ({ ...meant, standsFor: names.at(-1) }));
    });
    for (const { requested, model, standsFor } of told) expect([requested, model.id]).toEqual([requested, standsFor]);
    const retired = catalog.models().filter((model) => catalog.standIn(model) !== undefined && model.tags.includes('retired'));
    expect(new Set(told.map((meant) => meant.retired?.id))).toEqual(new Set(retired.map(({ id }) => id)));
  });

  it('have a published figure, or the lack of one, for every operation, capability and price', () => {
    expect(gaps).toEqual([]);
    const usable = catalog.models().filter((model) => !isSunset(model, new Date()));
    expect(covered).toBe(usable.reduce((sum, { operations }) => sum + operations.length, 0));
  });

  it.each(checks)('$model, $operation, $case: as published', ({ agrees, problem }) => {
    expect({ agrees, problem }).toEqual({ agrees: true, problem: null });
  });
});

describe('a wrong price list', () => {
  const directory = mkdtempSync(join(tmpdir(), 'litegen-prices-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const MODELS = `
models:
  - id: acme/paint
    provider: acme
    media_type: image
    display_name: Paint
    operations: [image.generate, image.edit]
    capabilities: { text_to_image: true, image_to_image: true }
    params: { quality: { kind: string, enum_values: [low, high], default: low } }
    ref_inputs: { default_role: init, roles: { init: { max_count: 1 } } }
    pricing:
      components:
        - { unit: image, usd: "0.04", when: { quality: high } }
        - { unit: image, usd: "0.01" }
`;
  const STATEMENT = 'published: "0.01 a picture, 0.04 in high quality", source: https://acme.test/prices, checked: 2026-11-20';
  const LOW = '{ operation: image.generate, usd: "0.01" }';
  const HIGH = '{ operation: image.generate, params: { quality: high }, usd: "0.04" }';
  const EDIT = '{ operation: image.edit, references: [init], usd: "0.01" }';

  async function auditOf(prices: string): Promise<PriceAudit & { problems: readonly string[] }> {
    mkdirSync(join(directory, 'prices'), { recursive: true });
    writeFileSync(join(directory, 'acme.yaml'), MODELS);
    writeFileSync(join(directory, 'prices/acme.yaml'), prices);
    return audit([{ providerId: 'acme', directory }]);
  }
  const withCases = (...cases: string[]) => auditOf(`prices: [{ models: [acme/paint], ${STATEMENT}, cases: [${cases.join(', ')}] }]`);

  it('is found right when it is', async () => {
    expect(await withCases(LOW, HIGH, EDIT)).toMatchObject({ gaps: [], problems: [], covered: 2 });
  });

  it.each([
    ['an operation', [LOW, HIGH], ['acme/paint: no price fixture covers image.edit', 'acme/paint: no price fixture covers image_to_image']],
    ['a price', [LOW, EDIT], ['acme/paint: no price fixture covers pricing.components[0] (image when {"quality":"high"})']],
  ])('lacks %s', async (_what, cases, gaps) => {
    expect((await withCases(...cases)).gaps).toEqual(gaps);
  });

  it('lacks everything', async () => {
    const { gaps } = await auditOf(`prices: [{ models: [acme/gone], ${STATEMENT}, cases: [${LOW}] }]`);
    expect(gaps).toHaveLength(7);
    expect(gaps[0]).toBe('acme/gone: has a price fixture, but is no model');
  });

  it.each([
    ['another figure', '{ usd: "0.02" }', 'is 0.01, published is 0.02'],
    ['less than a cent off', '{ usd: "0.010001" }', 'is 0.01, published is 0.010001'],
    ['an estimate that is none', '{ usd: "0.01", estimate: true }', 'is exact'],
    ['another hold', '{ usd: "0.01", held_usd: "0.05" }', 'holds 0.01 instead of 0.05'],
    ['no figure but a price', '{ held_usd: "0.01" }', 'is exact'],
    ['a refusal that does not happen', '{ usd: "0.01", refused: price_unknown }', 'is not refused with price_unknown'],
    ['a request that is refused', '{ params: { quality: max }, usd: "0.01" }', expect.stringContaining('quality')],
    ['another settlement', '{ reported: { outputs: 3 }, usd: "0.02" }', 'is 0.03, published is 0.02'],
    ['another source', '{ reported: { usage: { images: 1 } }, usd: "0.01", settled_by: catalog }', 'is settled by usage'],
  ])('%s', async (_name, one, problem) => {
    const { checks } = await withCases(one);
    expect(checks).toMatchObject([{ model: 'acme/paint', agrees: false, problem }]);
  });

  it.each([
    ['{ models: [acme/paint], cases: [{ usd: "0.01" }] }', 'says either published or unpublished'],
    ['{ models: [acme/paint], published: words, cases: [{ usd: "0.01" }] }', 'says not where and when it was read: source, checked'],
    ['{ models: [acme/paint], unpublished: why, cases: [{ n: 1 }] }', 'says neither usd, held_usd nor refused'],
    ['{ models: [acme/paint], unpublished: why, cases: [{ usd: "1", tolerance_usd: "0.005" }] }', 'is not less than half a cent'],
    ['{ models: [acme/paint], unpublished: why, cases: [{ usd: "1", sice: 1 }] }', 'no such key'],
  ])('cannot be read: %s', async (statement, problem) => {
    const { problems } = await auditOf(`prices: [${statement}]`);
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems[0]).toContain('prices/acme.yaml:1:');
  });
});
