import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { HttpSimulator } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCAFFOLDER = join(ROOT, 'packages/create-plugin/dist/cli.js');
const SIMULATOR = join(ROOT, 'packages/create-plugin/template/simulator/index.js');

/** The scaffolded plugin's own simulator of its invented vendor. */
interface AcmeSimulator {
  readonly SECRETS: { readonly apiKey: string };
  startSimulator(options: { polls: number }): Promise<HttpSimulator>;
}

interface ProviderEntry {
  readonly name: string;
  readonly status: string;
  readonly reason: string | null;
  readonly models: number;
}

describe('a plugin that is dropped in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-plugins-'));
  const workshop = join(folder, 'workshop');
  const mount = join(folder, 'mounted');
  const badMount = join(folder, 'bad');
  let vendor: HttpSimulator;
  let gateway: Gateway;
  let client: Client;

  /** What an author does: runs the scaffolder somewhere. */
  function scaffold(directory: string, name: string, ...options: readonly string[]): string {
    execFileSync(process.execPath, [SCAFFOLDER, `litegen-provider-${name}`, '--dir', directory, ...options], { cwd: folder });
    return directory;
  }

  /** Builds as the template says, with what `npm install` would have brought, and delivers what `npm pack` would. */
  function buildInto(target: string, name: string): void {
    const directory = scaffold(join(workshop, name), name);
    for (const dependency of ['@litegen/plugin-sdk', '@types/node']) {
      mkdirSync(join(directory, 'node_modules', dependency, '..'), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', dependency), join(directory, 'node_modules', dependency));
    }
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc')], { cwd: directory });
    for (const part of ['package.json', 'dist', 'models', 'simulator'])
      cpSync(join(directory, part), join(target, part), { recursive: true });
  }

  function edit(path: string, change: (text: string) => string): void {
    const before = readFileSync(path, 'utf8');
    const after = change(before);
    expect(after).not.toBe(before);
    writeFileSync(path, after);
  }

  /** Plugins that are wrong in one way each, and what the operator is told. */
  const BROKEN: Readonly<Record<string, readonly [spoil: (directory: string) => void, reason: RegExp]>> = {
    'bad-syntax': [
      (at) => edit(join(at, 'src/index.js'), (text) => `${text}\nconst = ;\n`),
      /entry cannot be imported: .*Unexpected token/,
    ],
    'bad-import': [
      (at) => edit(join(at, 'src/http.js'), (text) => `import 'left-out';\n${text}`),
      /Cannot find package 'left-out' imported from src\/http\.js/,
    ],
    'bad-spec': [(at) => edit(join(at, 'package.json'), (text) => text.replace('"spec": 1', '"spec": 99')), /litegen\.spec: .*version 1/],
    'bad-yaml': [(at) => edit(join(at, 'models/bad-yaml.yaml'), (text) => `${text}\n  - [`), /^models\/bad-yaml\.yaml:\d+:\d+: /],
    'bad-fact': [
      (at) => edit(join(at, 'models/bad-fact.yaml'), (text) => text.replace('media_type: image', 'media_type: sculpture')),
      /media_type/,
    ],
    'bad-price': [(at) => edit(join(at, 'models/bad-price.yaml'), (text) => text.replace('usd: "0.02"', 'usd: "cheap"')), /usd/],
    'bad-entry': [(at) => rmSync(join(at, 'src/index.js')), /there is no \.\/src\/index\.js/],
    'bad-create': [
      (at) =>
        edit(join(at, 'src/index.js'), (text) =>
          text.replace('create: () => ({', "create: () => { throw new Error('no luck'); },\n  made: () => ({"),
        ),
      /create failed .*no luck/,
    ],
    'bad-id': [(at) => edit(join(at, 'src/index.js'), (text) => text.replace("id: 'bad-id'", "id: 'other'")), /its code says id "other"/],
  };

  beforeAll(async () => {
    const { SECRETS, startSimulator } = (await import(/* @vite-ignore */ pathToFileURL(SIMULATOR).href)) as AcmeSimulator;
    vendor = await startSimulator({ polls: 1 });
    mkdirSync(mount);
    mkdirSync(badMount);
    scaffold(join(mount, 'acme'), 'acme', '--javascript');
    buildInto(join(mount, 'typed'), 'typed');
    for (const [name, [spoil]] of Object.entries(BROKEN)) {
      spoil(scaffold(join(badMount, name), name, '--javascript'));
    }
    // A second plugin under an id that is taken.
    scaffold(join(badMount, 'acme-again'), 'acme-again', '--javascript', '--id', 'acme');
    gateway = await startGateway({
      env: {
        LITEGEN__PLUGINS__DIRECTORIES: `${mount},${badMount}`,
        ACME_API_KEY: SECRETS.apiKey,
        ACME_API_BASE: vendor.origin,
        TYPED_API_KEY: SECRETS.apiKey,
        TYPED_API_BASE: vendor.origin,
      },
    });
    client = new Client(gateway.url);
  });
  afterAll(async () => {
    await gateway?.stop();
    await vendor?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('needs nothing but its own files', () => {
    for (const name of ['acme', 'typed']) expect(existsSync(join(mount, name, 'node_modules'))).toBe(false);
    expect(readdirSync(join(mount, 'typed')).sort()).toEqual(['dist', 'models', 'package.json', 'simulator']);
  });

  it.each(['acme', 'typed'])('makes pictures and films end to end: %s', async (name) => {
    vendor.reset();
    const image = await client.image({ model: `${name}/paint-1`, prompt: 'a boat', n: 2, seed: 7, response_format: 'url' });
    expect(image.status, image.text).toBe(200);
    const { data, provider } = image.json<{ data: { url: string }[]; provider: string }>();
    expect({ provider, pictures: data.length }).toEqual({ provider: name, pictures: 2 });
    expect((await fetch(data[1]?.url ?? '')).headers.get('content-type')).toBe('image/png');
    expect(vendor.requests[0]?.json()).toMatchObject({ model: 'paint-1', prompt: 'a boat', count: 2, seed: 7 });

    const video = await client.video({ model: `${name}/film-1`, prompt: 'a boat', seconds: '4' });
    expect(video.status, video.text).toBe(200);
    const film = await client.ended(video.json<{ id: string }>().id);
    expect(film).toMatchObject({ status: 'completed', cost_usd: 0.2, outputs: [{ content_type: 'video/mp4' }] });
    expect(vendor.count('/v1/videos', 'POST')).toBe(1);
  });

  it('stands among the models and the providers', async () => {
    const { data } = await client.read<{ data: { id: string }[] }>('/v1/models?provider=acme');
    expect(data.map(({ id }) => id)).toEqual(['acme/film-1', 'acme/paint-1']);
    const entries = await client.read<ProviderEntry[]>('/v1/providers');
    for (const name of ['acme', 'typed', 'mock']) {
      expect(entries).toContainEqual(expect.objectContaining({ name, status: 'ready', reason: null }));
    }
  });

  it.each([
    ...Object.entries(BROKEN).map(([name, [, reason]]) => [name, reason] as const),
    ['acme', /the id is taken by litegen-provider-acme/] as const,
  ])('is refused with a reason when it is broken, and harms no other: %s', async (name, reason) => {
    const entries = await client.read<ProviderEntry[]>('/v1/providers');
    const refused = entries.find((entry) => entry.name === name && entry.status === 'rejected');
    expect(refused?.reason).toMatch(reason);
    // Not where on this machine it lies, nor a trace of its code.
    expect(refused?.reason).not.toContain(folder);
    const lines = gateway.logs().split('\n');
    expect(lines.some((line) => line.includes(`The plugin ${name} is not used`) && line.includes('"level":"error"'))).toBe(true);
  });

  it('stops the start when it is broken and the operator wants to know', async () => {
    const start = startGateway({ env: { LITEGEN__PLUGINS__DIRECTORIES: badMount, LITEGEN__PLUGINS__STRICT: 'true' } });
    await expect(start).rejects.toThrow(/ended with code 1[\s\S]*plugins\.strict: bad-spec: litegen\.spec/);
    const yamlOnly = join(badMount, 'bad-yaml');
    const second = startGateway({ env: { LITEGEN__PLUGINS__DIRECTORIES: yamlOnly, LITEGEN__PLUGINS__STRICT: 'true' } });
    await expect(second).rejects.toThrow(/ended with code 1[\s\S]*plugins\.strict: bad-yaml: /);
  });

  it('does not stop a strict start when it is sound', async () => {
    const strict = await startGateway({ env: { LITEGEN__PLUGINS__DIRECTORIES: mount, LITEGEN__PLUGINS__STRICT: 'true' } });
    expect(await strict.stop()).toBe(0);
  });
});
