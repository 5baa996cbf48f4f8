import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.js';

const DIST = new URL('../../dist/', import.meta.url).href;
const LIFECYCLE = fileURLToPath(new URL('../../docs/develop/lifecycle.md', import.meta.url));
const FUNCTIONS_RUN = new URL('functions-run.mjs', import.meta.url).href;
const MASTER_KEY = 'lifecycle-master-key';
/** The goal is 60. Whoever makes the path shorter lowers this; nobody raises it. */
const MOST_FILES = 60;
/** What belongs to every request runs in each of them; memories of a second or so lapse during some. */
const REQUESTS = 8;
/** Long enough for every timer that fires several times a second, which may also fire during each request. */
const IDLE_MS = 3_000;

interface FunctionRun {
  readonly url: string;
  readonly name: string;
}

async function post(gateway: Gateway, path: string, key: string, body: object): Promise<{ status: number; text: string }> {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

/** The functions of `src/` that ran since the last call, as `src/file.ts name`. */
async function functionsRun(gateway: Gateway, time: number): Promise<Set<string>> {
  const file = join(gateway.directory, `functions-run.${time}.json`);
  gateway.signal('SIGUSR2');
  while (!existsSync(file)) await delay(2);
  const ran = JSON.parse(readFileSync(file, 'utf8')) as FunctionRun[];
  const own = ran.filter(({ url }) => url.startsWith(`${DIST}src/`));
  return new Set(own.map(({ url, name }) => `${url.slice(DIST.length).replace(/\.js$/, '.ts')} ${name}`));
}

const filesOf = (functions: Iterable<string>): string[] => [...new Set([...functions].map((name) => name.split(' ')[0] ?? ''))].sort();

/** What ran from each request's first byte to its answer's last, and what runs while there is no request. */
async function functionsOfImages(): Promise<{ readonly runs: readonly Set<string>[]; readonly idle: Set<string> }> {
  const gateway = await startGateway({ env: { LITEGEN__MASTER_KEY: MASTER_KEY, NODE_OPTIONS: `--import=${FUNCTIONS_RUN}` } });
  try {
    const created = await post(gateway, '/v1/keys', MASTER_KEY, { name: 'lifecycle', scopes: 'generate' });
    expect(created.status, created.text).toBe(201);
    const { key } = JSON.parse(created.text) as { key: string };
    const image = async (): Promise<void> => {
      const { status, text } = await post(gateway, '/v1/images/generations', key, { model: 'mock/paint', prompt: 'a red fox' });
      expect(status, text).toBe(200);
    };
    // What is loaded and compiled once is no part of a request.
    await image();
    const runs: Set<string>[] = [];
    let time = 0;
    for (let request = 0; request < REQUESTS; request++) {
      await functionsRun(gateway, ++time);
      await image();
      runs.push(await functionsRun(gateway, ++time));
    }
    await delay(IDLE_MS);
    return { runs, idle: await functionsRun(gateway, ++time) };
  } finally {
    await gateway.stop();
  }
}

/** The files that the section about an image links to. */
function filesListed(): string[] {
  const [, section = ''] = readFileSync(LIFECYCLE, 'utf8').split('\n## One image\n');
  const [image = ''] = section.split('\n## ');
  return [...new Set([...image.matchAll(/\]\(\.\.\/\.\.\/(src\/[^)#]+)\)/g)].map(([, file = '']) => file))].sort();
}

describe('docs/develop/lifecycle.md', () => {
  it('names every file in which functions run for a synchronous image, and none in which nothing runs', async () => {
    const { runs, idle } = await functionsOfImages();
    const listed = filesListed();
    const [first = new Set<string>(), ...others] = runs;
    const always = filesOf([...first].filter((name) => !idle.has(name) && others.every((run) => run.has(name))));
    const ever = new Set(runs.flatMap((run) => filesOf(run)));
    expect(
      always.filter((file) => !listed.includes(file)),
      'files that the page leaves out',
    ).toEqual([]);
    expect(
      listed.filter((file) => !ever.has(file)),
      'files that the page lists in vain',
    ).toEqual([]);
  });

  it('lists no more files than before', () => {
    expect(filesListed().length).toBeLessThanOrEqual(MOST_FILES);
  });
});
