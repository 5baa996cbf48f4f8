import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { postgresDatabase } from '../support/databases.js';
import { type Gateway, startGateway } from '../support/gateway.js';

const JOBS = 200;
const MASTER_KEY = 'chaos-master-key-0123456789';
const PATIENCE_MS = 150_000;

interface Video {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string } | null;
}

/** Two replicas on one Postgres, one store, and one vendor that remembers its jobs. */
describe('a replica that is killed', () => {
  const { url: databaseUrl } = postgresDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'litegen-chaos-'));
  const vendor = join(folder, 'vendor');
  const gateways: Gateway[] = [];
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(): Promise<Gateway> {
    const gateway = await startGateway({
      databaseUrl,
      blobsDirectory: join(folder, 'blobs'),
      yaml: `
providers: { mock: { options: { latency_ms: 2000, state_directory: ${JSON.stringify(vendor)} } } }
engine: { lease_seconds: 4 }
`,
      env: { LITEGEN__MASTER_KEY: MASTER_KEY, LITEGEN__OBSERVABILITY__LOG_LEVEL: 'warn' },
    });
    gateways.push(gateway);
    return gateway;
  }

  async function call<T>(gateway: Gateway, path: string, init: RequestInit = {}): Promise<T> {
    const response = await fetch(`${gateway.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json', ...init.headers },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  it('loses none of 200 videos, and the vendor gets each job once', { timeout: PATIENCE_MS + 30_000 }, async () => {
    const doomed = await start();
    const survivor = await start();
    const ids: string[] = [];
    const killAfter = JOBS / 2;
    let killed: Promise<void> | undefined;
    for (let index = 0; index < JOBS; index += 1) {
      if (index === killAfter) killed = doomed.kill();
      const target = index < killAfter && index % 2 === 0 ? doomed : survivor;
      const { id } = await call<Video>(target, '/v1/videos', {
        method: 'POST',
        headers: { prefer: 'respond-async' },
        body: JSON.stringify({ model: 'mock/clip', prompt: `chaos ${index}`, seconds: '1' }),
      });
      ids.push(id);
    }
    await killed;
    const statuses = await untilEnded(survivor, ids);
    expect([...statuses.values()].filter(({ status }) => status !== 'completed')).toEqual([]);
    expect(statuses.size).toBe(JOBS);

    const jobs = readdirSync(vendor).filter((name) => name.endsWith('.json'));
    expect(jobs).toHaveLength(JOBS);
    const submits = readFileSync(join(vendor, 'submits.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { key: string; deduplicated: boolean; accepted: boolean });
    const billed = submits.filter(({ accepted, deduplicated }) => accepted && !deduplicated);
    expect(new Set(billed.map(({ key }) => key)).size).toBe(billed.length);
    expect(billed.length).toBeLessThanOrEqual(JOBS);
  });

  async function untilEnded(gateway: Gateway, ids: readonly string[]): Promise<Map<string, Video>> {
    const ended = new Map<string, Video>();
    const end = Date.now() + PATIENCE_MS;
    while (ended.size < ids.length && Date.now() < end) {
      for (const id of ids.filter((known) => !ended.has(known))) {
        const video = await call<Video>(gateway, `/v1/videos/${id}`);
        if (['completed', 'failed', 'cancelled'].includes(video.status)) ended.set(id, video);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    for (const id of ids.filter((known) => !ended.has(known))) ended.set(id, await call<Video>(gateway, `/v1/videos/${id}`));
    return ended;
  }
});
