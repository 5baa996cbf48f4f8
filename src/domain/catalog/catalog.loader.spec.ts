import { mkdtempSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../platform/config/index.js';
import { loadCatalog } from './catalog.loader.js';

const SAMPLE = fileURLToPath(new URL('testdata/litegen.yaml', import.meta.url));

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'catalog-'));
});

/** Writes files into a folder and returns its path. */
async function folder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = join(root, name);
  await mkdir(directory, { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text);
  return directory;
}

function yaml(id: string, more = ''): string {
  const [provider] = id.split('/');
  return `models:
  - id: ${id}
    provider: ${provider}
    media_type: image
    display_name: Test
    pricing: { base_cost_usd: 0.01 }
    capabilities: { text_to_image: true }
${more}`;
}

async function operatorProblems(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const operatorDirectory = await folder('operator', files);
  const error = await loadCatalog({ plugins: [], operatorDirectory }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).problems.map((problem) => problem.replace(`${operatorDirectory}/`, ''));
}

describe('the loader', () => {
  it('takes every construct of LiteGen unchanged', async () => {
    const directory = await folder('acme', {});
    await copyFile(SAMPLE, join(directory, 'litegen.yaml'));
    const { models, rejections, warnings } = await loadCatalog({ plugins: [{ providerId: 'acme', directory }] });
    expect(rejections).toEqual([]);
    expect(warnings).toEqual([]);
    expect(models.map(({ id }) => id)).toEqual(['acme/clip', 'acme/free:form.v1', 'acme/paint-1']);
    expect(models.map(({ operations }) => operations)).toEqual([['video.generate'], ['image.generate'], ['image.generate', 'image.edit']]);
    expect(models[2]?.pricing?.variable_pricing).toEqual({ per_megapixel: 0.01 });
  });

  it('leaves out a bad plugin with its reasons, and keeps the others', async () => {
    const good = await folder('good', { 'a.yaml': yaml('good/one') });
    const bad = await folder('bad', { 'a.yaml': yaml('bad/one'), 'b.yaml': yaml('bad/two', '    colour: red\n') });
    const { models, rejections } = await loadCatalog({
      plugins: [
        { providerId: 'bad', directory: bad },
        { providerId: 'good', directory: good },
        { providerId: 'empty', directory: join(root, 'nowhere') },
      ],
    });
    expect(models.map(({ id }) => id)).toEqual(['good/one']);
    expect(rejections.map(({ providerId }) => providerId)).toEqual(['bad', 'empty']);
    expect(rejections[0]?.problems).toHaveLength(1);
    expect(rejections[0]?.problems[0]).toMatch(/b\.yaml:8:5: models\[0\]\.colour: no such key/);
  });

  it('refuses a plugin that describes another provider’s models', async () => {
    const directory = await folder('a', { 'a.yaml': yaml('other/one') });
    const { models, rejections } = await loadCatalog({ plugins: [{ providerId: 'acme', directory }] });
    expect(models).toEqual([]);
    expect(rejections[0]?.problems[0]).toMatch(/a\.yaml:3:5: models\[0\]\.provider: must be acme/);
  });

  it('offers the same models under a further instance’s prefix', async () => {
    const lifecycle = '    aliases: [one]\n    lifecycle: { successor: acme/two }\n';
    const directory = await folder('acme', { 'a.yaml': yaml('acme/one', lifecycle), 'b.yaml': yaml('acme/two') });
    const { models } = await loadCatalog({
      plugins: [
        { providerId: 'acme', directory },
        { providerId: 'acme-eu', directory, writtenFor: 'acme' },
      ],
    });
    expect(models.map(({ id }) => id)).toEqual(['acme-eu/one', 'acme-eu/two', 'acme/one', 'acme/two']);
    expect(models[0]).toMatchObject({ provider: 'acme-eu', lifecycle: { successor: 'acme-eu/two' } });
  });

  it('replaces the top-level keys that the operator names and keeps the others', async () => {
    const directory = await folder('acme', { 'a.yaml': yaml('acme/one', '    params: { n: { kind: int, max: 4 } }\n    tags: [old]\n') });
    const operatorDirectory = await folder('operator', {
      'o.yaml': 'aliases: { draft: acme/one }\nmodels:\n  - id: acme/one\n    pricing: { base_cost_usd: "0.20" }\n    tags: [new]\n',
    });
    const { models, aliases } = await loadCatalog({ plugins: [{ providerId: 'acme', directory }], operatorDirectory });
    expect(models[0]).toMatchObject({ layer: 'operator', pricing: { base_cost_usd: '0.20' }, tags: ['new'], params: { n: { max: 4 } } });
    expect(aliases.get('draft')).toBe('acme/one');
  });

  it('reports every problem of every file at its place', async () => {
    const problems = await operatorProblems({
      'a.yaml': yaml('acme/one', '    parms: {}\n    params:\n      colour: { kind: string }\n      steps: { kind: int, mn: 1 }\n'),
      'b.yaml': 'models: [\n',
      'c.yaml': yaml('acme/two').replace('0.01', '-1'),
    });
    expect([...problems].sort()).toEqual([
      expect.stringMatching(/^a\.yaml:10:7: models\[0\]\.params\.colour: no such key; expected one of negative_prompt, seed/),
      expect.stringMatching(/^a\.yaml:11:27: models\[0\]\.params\.steps\.mn: no such key \(did you mean min\?\)/),
      expect.stringMatching(/^a\.yaml:8:5: models\[0\]\.parms: no such key \(did you mean params\?\)/),
      expect.stringMatching(/^b\.yaml:\d+:\d+: /),
      expect.stringMatching(/^c\.yaml:6:16: models\[0\]\.pricing\.base_cost_usd: /),
    ]);
  });

  it.each<[what: string, lines: string, problem: RegExp]>([
    ['an unknown unit', 'pricing: { components: [{ unit: pixel, usd: "1" }] }', /pricing\.components\[0\]\.unit: /],
    ['a number as a price', 'pricing: { components: [{ unit: image, usd: 0.1 }] }', /components\[0\]\.usd: expected a decimal string/],
    ['a negative price', 'pricing: { components: [{ unit: image, usd: "-0.1" }] }', /components\[0\]\.usd: .*not negative/],
    [
      'an unknown condition',
      'pricing: { components: [{ unit: image, usd: "1", when: { qualty: hd } }] }',
      /when\.qualty: no such parameter \(did you mean quality\?\)/,
    ],
    [
      'a condition on an undeclared role',
      'pricing: { components: [{ unit: image, usd: "1", when: { inputs.mask: 1 } }] }',
      /when\.inputs\.mask: no such role/,
    ],
    [
      'an estimate without a price',
      'pricing: { components: [{ unit: image, usd: "1" }], estimates: [{ unit: credit, quantity: 1 }] }',
      /estimates\[0\]\.unit: has no price/,
    ],
    [
      'an impossible width',
      'params: { size: { kind: size, mode: freeform, min_width: 9, max_width: 8, min_height: 1, max_height: 8 } }',
      /size\.min_width: is greater than max_width/,
    ],
    ['min above max', 'params: { steps: { kind: int, min: 9, max: 8 } }', /steps\.min: is greater than max/],
    [
      'a default outside the list',
      'params: { quality: { kind: string, enum_values: [a], default: b } }',
      /quality\.default: is not one of a/,
    ],
    ['a default outside the bounds', 'params: { steps: { kind: int, min: 5, default: 4 } }', /steps\.default: is outside min and max/],
    [
      'a default size outside the values',
      'params: { size: { kind: size, mode: enum, values: [[8, 8]], default: 9x9 } }',
      /size\.default: is not one of the values/,
    ],
    ['a kind that does not suit the name', 'params: { size: { kind: string } }', /params\.size/],
    ['a pattern that does not compile', 'params: { style: { kind: string, pattern: "[" } }', /style\.pattern: is not a regular expression/],
    [
      'an undeclared default role',
      'ref_inputs: { default_role: int, roles: { init: {} } }',
      /default_role: names the role int, which is not declared \(did you mean init\?\)/,
    ],
    [
      'an undeclared role in field_map',
      'ref_inputs: { provider_format: { form: multipart, field_map: { mask: m } }, roles: { init: {} } }',
      /field_map\.mask: names the role mask/,
    ],
    [
      'a role with min above max',
      'ref_inputs: { roles: { init: { min_count: 2, max_count: 1 } } }',
      /init\.min_count: is greater than max_count/,
    ],
    ['an operation of the other media type', 'operations: [video.generate]', /operations: video\.generate does not suit media_type: image/],
    ['dates in the wrong order', 'lifecycle: { deprecated: 2026-02-01, sunset: 2026-01-01 }', /lifecycle\.sunset: is before deprecated/],
    ['a day that does not exist', 'lifecycle: { sunset: 2026-02-30 }', /lifecycle\.sunset: expected a date/],
    ['a successor that is the model itself', 'lifecycle: { successor: acme/one }', /lifecycle\.successor: is the model itself/],
  ])('refuses %s', async (_what, line, problem) => {
    const text = line.startsWith('pricing') ? yaml('acme/one').replace(/pricing: .*/, line) : yaml('acme/one', `    ${line}\n`);
    const problems = await operatorProblems({ 'a.yaml': text });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it.each<[what: string, files: Record<string, string>, problem: RegExp]>([
    [
      'an id twice',
      { 'a.yaml': yaml('acme/one'), 'b.yaml': yaml('acme/one') },
      /^b\.yaml:2:5: models\[0\]\.id: acme\/one is already described at .*a\.yaml:2/,
    ],
    [
      'an id without its provider',
      { 'a.yaml': yaml('acme/one').replace('provider: acme', 'provider: other') },
      /models\[0\]\.id: must begin with the provider, "other\/"/,
    ],
    [
      'a model that can do nothing',
      { 'a.yaml': yaml('acme/one').replace('text_to_image: true', '') },
      /capabilities: the model can do nothing/,
    ],
    [
      'an alias for two models',
      { 'a.yaml': 'aliases: { x: acme/one }', 'b.yaml': 'aliases: { x: acme/two }' },
      /^b\.yaml:1:12: aliases\.x: is already the alias/,
    ],
    [
      'an alias that is an id',
      { 'a.yaml': `aliases: { acme/one: acme/one }\n${yaml('acme/one')}` },
      /aliases\.acme\/one: is the id of a model/,
    ],
    [
      'a model alias that another model has',
      { 'a.yaml': yaml('acme/one', '    aliases: [x]\n'), 'b.yaml': yaml('acme/two', '    aliases: [x]\n') },
      /aliases\[0\]: x already names acme\/one/,
    ],
    ['a key twice', { 'a.yaml': 'aliases: {}\naliases: {}\n' }, /unique/],
    ['a list at the top', { 'a.yaml': '- a\n' }, /^a\.yaml:1:1: /],
    ['an explosion of aliases', { 'a.yaml': bomb() }, /alias/i],
  ])('refuses %s', async (_what, files, problem) => {
    const problems = await operatorProblems(files);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it('warns of names that lead nowhere and of prices that cannot hold', async () => {
    const directory = await folder('acme', {
      'a.yaml': `aliases: { x: acme/on }\n${yaml('acme/one', '    lifecycle: { successor: acme/onee }\n').replace(
        /pricing: .*/,
        'pricing: { components: [{ unit: image, usd: "1", when: { style: a } }, { unit: image, usd: "1" }, { unit: image, usd: "2" }] }',
      )}`,
    });
    const { models, warnings } = await loadCatalog({ plugins: [{ providerId: 'acme', directory }] });
    expect(models).toHaveLength(1);
    expect(warnings).toEqual([
      expect.stringMatching(/when\.style: can never hold/),
      expect.stringMatching(/components\[2\]: can never hold/),
      expect.stringMatching(/there is no model acme\/on \(did you mean acme\/one\?\)/),
      expect.stringMatching(/lifecycle\.successor: there is no model acme\/onee/),
    ]);
  });

  it('shares blocks by anchors, and finds a problem inside them', async () => {
    const shared = `${yaml('acme/one', '    params: &shared { steps: { kind: int, max: 4 }, seed: { kind: seed } }\n')}${yaml('acme/two', '    params: { <<: *shared, seed: { kind: seed, max: x } }\n').replace('models:\n', '')}`;
    const problems = await operatorProblems({ 'a.yaml': shared });
    expect(problems).toEqual([expect.stringMatching(/^a\.yaml:15:\d+: models\[1\]\.params\.seed\.max: /)]);
    const fixed = await folder('fixed', { 'a.yaml': shared.replace('max: x', 'max: 9') });
    const { models } = await loadCatalog({ plugins: [], operatorDirectory: fixed });
    expect(models[1]?.params).toEqual({ steps: { kind: 'int', max: 4 }, seed: { kind: 'seed', max: 9 } });
  });
});

/** Small text, a billion values. */
function bomb(): string {
  const levels = Array.from({ length: 10 }, (_, level) =>
    level === 0
      ? 'a0: &a0 [x]'
      : `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
  );
  return `${levels.join('\n')}\nmodels: []\n`;
}
