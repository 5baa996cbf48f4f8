import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Client, type GenerationView } from '../support/client.js';
import { startGateway } from '../support/gateway.js';

const OPERATIONS = new URL('../../docs/operate/operations.md', import.meta.url);
const hasSqlite = spawnSync('sqlite3', ['--version']).status === 0;
const root = mkdtempSync(join(tmpdir(), 'litegen-backup-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The shell commands of a section of docs/operate/operations.md. */
function steps(title: string): string {
  const text = readFileSync(OPERATIONS, 'utf8');
  const section = text.slice(text.indexOf(`### ${title}`));
  const commands = /```sh\n([\s\S]*?)```/.exec(section)?.[1];
  if (commands === undefined) throw new Error(`docs/operate/operations.md has no commands under "${title}"`);
  return commands;
}

it.runIf(hasSqlite)(
  'a backup that was made while the gateway ran brings back keys, generations and files',
  { timeout: 120_000 },
  async () => {
    const [before, after] = ['before', 'after'].map((name) => join(root, name)) as [string, string];
    for (const folder of [before, after]) mkdirSync(join(folder, 'data'), { recursive: true });
    const place = (folder: string) => ({
      databaseUrl: `sqlite://${join(folder, 'data/litegen.db')}`,
      blobsDirectory: join(folder, 'data/blobs'),
      env: { LITEGEN_MASTER_KEY: 'a-long-random-value' },
    });
    const first = await startGateway(place(before));
    const admin = new Client(first.url, 'a-long-random-value');
    const { key } = (await admin.send('/v1/keys', { body: { name: 'shop' } })).json<{ key: string }>();
    const shop = new Client(first.url, key);
    const answer = await shop.image({ model: 'mock/paint', prompt: 'x', size: '256x256', response_format: 'url' });
    const { id, data } = answer.json<{ id: string; data: { url: string }[] }>();
    const bytes = Buffer.from(await (await fetch(data[0]?.url ?? '')).arrayBuffer());
    expect(bytes.length).toBeGreaterThan(100);
    execFileSync('bash', ['-e', '-c', steps('SQLite: make a backup')], { cwd: before });
    await first.kill();

    execFileSync('bash', ['-e', '-c', steps('SQLite: restore')], { cwd: after, env: { ...process.env, BACKUP: join(before, 'backup') } });
    const second = await startGateway(place(after));
    try {
      const restored = new Client(second.url, key);
      const found = (await restored.send(`/v1/generations/${id}`)).json<GenerationView>();
      expect(found.status).toBe('completed');
      const again = Buffer.from(await (await fetch(found.outputs[0]?.url ?? '')).arrayBuffer());
      expect(again.equals(bytes)).toBe(true);
      expect((await restored.image({ model: 'mock/paint', prompt: 'y', size: '256x256' })).status).toBe(200);
    } finally {
      await second.stop();
    }
  },
);
