import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERRORS } from '../../src/platform/common/index.js';
import { Client } from '../support/client.js';
import { databases } from '../support/databases.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { type RawAnswer, sendAndLeave, sendRaw } from '../support/raw-socket.js';
import { encodingCases } from './encodings.js';
import { formCases } from './forms.js';
import { type HostileCase, Random } from './hostile-case.js';
import { jsonCases } from './json.js';
import { type Liveness, livenessDuring } from './liveness.js';
import { mediaCases } from './media.js';
import { slowCases, wireCases } from './wire.js';

const SEED = 20_261_121;
const AT_ONCE = 6;
const LIVE_WITHIN_MS = 1_000;
const MB = 1_048_576;
const COLLECT_GARBAGE = new URL('collect-garbage.mjs', import.meta.url).href;
/** Code that was compiled meanwhile, and what is cached. A leak of a tenth of the corpus would be more. */
const LIVE_SLACK_BYTES = 50 * MB;
/** The allocators keep pages of what was in use for the next time; that is bounded, and not by the number of rounds. */
const RESIDENT_SLACK_BYTES = 256 * MB;
const LONGEST_MS = 240_000;

const random = new Random(SEED);
const GROUPS: Readonly<Record<string, readonly HostileCase[]>> = {
  'shapes of JSON': jsonCases(random),
  'charsets and codings': encodingCases(random),
  'malformed forms': formCases(random),
  'requests that are none': wireCases(random),
  'broken media': mediaCases(random),
  'clients without haste': slowCases(),
};

it('is a corpus of some size, the same in every run', () => {
  const names = Object.values(GROUPS).flatMap((cases) => cases.map(({ name }) => name));
  expect(names.length).toBeGreaterThanOrEqual(300);
  const again = jsonCases(new Random(SEED)).map(({ name }) => name);
  expect(GROUPS['shapes of JSON']?.map(({ name }) => name)).toEqual(again);
});

describe.each(databases())('a gateway on $name under hostile input', ({ url }) => {
  let gateway: Gateway;
  let client: Client;
  let restingBytes = 0;
  let restingLiveBytes = 0;
  let restingFiles = 0;

  beforeAll(async () => {
    gateway = await startGateway({
      databaseUrl: url,
      env: { LITEGEN__OBSERVABILITY__JSON_LOGS: 'true', NODE_OPTIONS: `--import ${COLLECT_GARBAGE}` },
    });
    client = new Client(gateway.url);
    // What is compiled and connected once is no leak.
    for (let warm = 0; warm < 20; warm += 1)
      expect((await client.image({ model: 'mock/paint', prompt: `x ${warm}`, size: '256x256' })).status).toBe(200);
    restingBytes = residentBytes();
    restingLiveBytes = await liveBytes();
    restingFiles = openFiles();
  }, 60_000);
  afterAll(async () => void (await gateway.stop()));

  const residentBytes = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) * 1024;
  /** What JavaScript and the buffers outside its heap hold after a full collection, as the gateway's own metrics report it. */
  async function liveBytes(): Promise<number> {
    gateway.signal('SIGUSR2');
    const metrics = await (await fetch(new URL('/metrics', gateway.url))).text();
    const read = (name: string): number => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1]);
    return read('nodejs_heap_size_used_bytes') + read('nodejs_external_memory_bytes');
  }
  const openFiles = (): number => readdirSync(`/proc/${gateway.pid}/fd`).length;

  function check(name: string, { status, headers, body }: RawAnswer): void {
    const shown = `${name}: ${status} ${body.slice(0, 300)}`;
    expect(headers.get('content-type'), shown).toMatch(/^application\/json/);
    const answer = JSON.parse(body) as {
      readonly error?: { readonly code: string; readonly status: number; readonly message: string; readonly request_id: string };
    };
    if (status < 400) return;
    expect(status, shown).toBeLessThan(500);
    expect(answer.error, shown).toMatchObject({ status, message: expect.stringMatching(/\S/), request_id: headers.get('x-request-id') });
    expect(ERRORS[answer.error?.code as keyof typeof ERRORS]?.status, shown).toBe(status);
    expect(body.length, shown.slice(0, 200)).toBeLessThan(20_000);
    expect(answer.error?.message, shown).not.toMatch(/node_modules|\bat .*:\d+:\d+|undefined|\[object/);
  }

  async function send({ name, parts, answered = true }: HostileCase, failures: string[]): Promise<void> {
    try {
      if (answered) check(name, await sendRaw(gateway.url, ...parts()));
      else await sendAndLeave(gateway.url, ...parts());
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message}`);
    }
  }

  it.each(Object.keys(GROUPS))('answers %s in JSON with a code, and is alive beside them', { timeout: LONGEST_MS }, async (group) => {
    const failures: string[] = [];
    const run = (): Promise<Liveness> => {
      const waiting = [...(GROUPS[group] ?? [])];
      const worker = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await send(next, failures);
      };
      return livenessDuring(gateway.url, async () => void (await Promise.all(Array.from({ length: AT_ONCE }, worker))));
    };
    let { longestMs } = await run();
    // A machine that is busy with something else may pause anybody; it hardly does so at the same place again.
    if (longestMs >= LIVE_WITHIN_MS) ({ longestMs } = await run());
    expect(failures).toEqual([]);
    expect(longestMs).toBeLessThan(LIVE_WITHIN_MS);
  });

  it('gives back what it took, and works as before', { timeout: LONGEST_MS }, async () => {
    const deadline = performance.now() + 60_000;
    let live = await liveBytes();
    while ((live > restingLiveBytes + LIVE_SLACK_BYTES || openFiles() > restingFiles + 5) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      live = await liveBytes();
    }
    expect((live - restingLiveBytes) / MB).toBeLessThan(LIVE_SLACK_BYTES / MB);
    expect((residentBytes() - restingBytes) / MB).toBeLessThan(RESIDENT_SLACK_BYTES / MB);
    expect(openFiles()).toBeLessThanOrEqual(restingFiles + 5);
    expect((await client.image({ model: 'mock/paint', prompt: 'still here', size: '256x256' })).status).toBe(200);
    expect(gateway.logs()).not.toMatch(/"level":"(error|fatal)"|internal_error|Maximum call stack|heap/);
  });
});
