import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../json.js';
import { manifestProblems } from './manifest-problems.js';

describe('manifestProblems', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'litegen-manifest-'));
    await mkdir(join(directory, 'models'));
    await writeFile(join(directory, 'index.js'), '');
  });
  afterAll(() => rm(directory, { recursive: true }));

  const litegen: JsonObject = {
    spec: 1,
    id: 'acme-2',
    entry: './index.js',
    models: './models',
    displayName: 'Acme',
    secrets: { apiKey: ['ACME_API_KEY'], hook: ['ACME_HOOK', 'HOOK_2'] },
    optionalSecrets: ['hook'],
    egress: ['https://api.acme.test', 'https://*.acme-cdn.test', 'http://localhost:8080', '$api_base'],
    transfers: 'public',
    pollsPerSecond: 5,
    apiBaseEnvironment: ['ACME_API_BASE'],
  };
  const packageJson: JsonObject = { name: 'x', version: '1.0.0', type: 'module', keywords: ['litegen-plugin'], litegen };

  it('accepts a whole manifest and the least one', () => {
    expect(manifestProblems(directory, packageJson)).toEqual([]);
    expect(manifestProblems(directory, { ...packageJson, litegen: { spec: 1, id: 'a', entry: 'index.js' } })).toEqual([]);
  });

  it.each<[string, JsonObject, RegExp]>([
    ['spec', { spec: 2 }, /spec is not 1/],
    ['id', { id: 'Acme' }, /litegen\.id/],
    ['id with a slash', { id: 'acme/x' }, /litegen\.id/],
    ['entry that is missing', { entry: './gone.js' }, /does not exist/],
    ['entry outside', { entry: '../index.js' }, /leads out/],
    ['absolute entry', { entry: '/etc/hosts' }, /leads out/],
    ['models', { models: 7 }, /litegen\.models is not a path/],
    ['secrets', { secrets: { apiKey: 'ACME_API_KEY' } }, /secrets\.apiKey/],
    ['secret variable', { secrets: { apiKey: ['acme-key'] } }, /secrets\.apiKey/],
    ['optional secret', { optionalSecrets: ['other'] }, /optionalSecrets/],
    ['egress with a path', { egress: ['https://api.acme.test/v1'] }, /egress/],
    ['egress everywhere', { egress: ['https://*'] }, /egress/],
    ['egress under a top-level domain', { egress: ['https://*.com'] }, /egress/],
    ['transfers everywhere', { transfers: ['https://*'] }, /transfers/],
    ['transfers in a word', { transfers: 'private' }, /transfers/],
    ['egress of another scheme', { egress: ['ftp://acme.test'] }, /egress/],
    ['api base', { apiBaseEnvironment: 'ACME_API_BASE' }, /apiBaseEnvironment/],
    ['display name', { displayName: 1 }, /displayName/],
    ['unknown key', { secret: {} }, /litegen\.secret is not a key/],
  ])('names a wrong %s', (_what, wrong, says) => {
    const problems = manifestProblems(directory, { ...packageJson, litegen: { ...litegen, ...wrong } });
    expect(problems.join('; ')).toMatch(says);
  });

  it.each<[string, JsonObject, RegExp]>([
    ['keyword', { keywords: ['x'] }, /litegen-plugin/],
    ['module type', { type: 'commonjs' }, /"type": "module"/],
    ['name', { name: null }, /no name/],
    ['manifest', { litegen: [] }, /no "litegen" object/],
  ])('names a wrong %s of the package', (_what, wrong, says) => {
    expect(manifestProblems(directory, { ...packageJson, ...wrong }).join('; ')).toMatch(says);
  });
});
