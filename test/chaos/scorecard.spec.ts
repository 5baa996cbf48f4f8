import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { postgresDatabase } from '../support/databases.js';
import { hasPgBouncer } from '../support/pgbouncer.js';
import { hasRedis } from '../support/redis-server.js';
import { canMount } from '../support/small-disk.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Of the calm before and after each outage, where a part has any. */
const MINUTES = 0.03;
const PATIENCE_MS = 150_000;

/** `npm run chaos` in its short form: three replicas behind a balancer. It ends with 1 when a figure is missed. */
describe.skipIf(process.platform !== 'linux')('the proof that users can run', () => {
  const { url } = postgresDatabase();

  function chaos(...names: string[]): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, ['bench/chaos.mjs', '--quick', '--untimed', '--minutes', String(MINUTES), ...names], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, CHAOS_DATABASE_URL: url },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
  }

  it.each([
    { parts: ['budget', 'idempotency'], what: 'a budget admits what it covers, and a key buys once, however many ask at once' },
    { parts: ['rollout'], what: 'a rolling restart fails no request' },
    { parts: ['postgres'], what: 'an outage of the database loses no job and no money, and needs no restart' },
    { parts: ['plugin'], what: 'a plugin that floods, hangs, comes too late and throws stands in nobody’s way' },
  ])('$what', { timeout: PATIENCE_MS }, async ({ parts }) => holds(await chaos(...parts)));

  it.skipIf(!canMount())('a disk that fills and empties loses nothing, and needs no restart', { timeout: 2 * PATIENCE_MS }, async () =>
    holds(await chaos('disk')),
  );

  it.skipIf(!hasRedis)('an outage of Redis lets nothing through uncounted', { timeout: PATIENCE_MS }, async () =>
    holds(await chaos('redis')),
  );

  it.skipIf(!hasRedis || !hasPgBouncer)(
    'what stands beside the gateway fails for seconds, and nothing delivered is lost (needs Redis and PgBouncer)',
    { timeout: 2 * PATIENCE_MS },
    async () => holds(await chaos('neighbours')),
  );

  function holds({ code, output }: { readonly code: number | null; readonly output: string }): void {
    expect(code, output).toBe(0);
    expect(output).toMatch(/(\d+) of \1 figures hold/);
  }
});
