import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApplication, testApplication } from '../../../../test/support/application.js';
import { databases, sqliteDatabase } from '../../../../test/support/databases.js';
import { assetRow, generationRow, seed } from '../../../../test/support/generations.js';
import { type S3Server, startS3Server } from '../../../../test/support/s3-server.js';
import { BlobStore } from '../../../domain/storage/index.js';
import { Clock } from '../../../platform/common/index.js';
import { Database } from '../../../platform/database/index.js';
import { FileSweep, INSTALLATIONS } from './file-sweep.service.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SMALL = 1_000;
/** Never in memory alone. */
const LARGE = 200_000;

interface Kept {
  /** What `storage` takes. */
  readonly settings: () => object;
  /** Makes a file as old as if it had been written then. */
  readonly age: (sha256: string, ms: number) => void;
  readonly close: () => Promise<void>;
}

function onDisk(): Kept {
  const path = mkdtempSync(join(tmpdir(), 'litegen-sweep-'));
  return {
    settings: () => ({ path }),
    age: (sha256, ms) => {
      const file = join(path, sha256.slice(0, 2), sha256);
      // It may have been set aside.
      if (existsSync(file)) utimesSync(file, ms / 1000, ms / 1000);
    },
    close: async () => rmSync(path, { recursive: true, force: true }),
  };
}

async function inBucket(): Promise<Kept> {
  const vendor: S3Server = await startS3Server();
  const path = mkdtempSync(join(tmpdir(), 'litegen-sweep-s3-'));
  const s3 = { bucket_name: vendor.bucket, endpoint_url: vendor.origin, access_key_id: 'test-key', secret_access_key: 'secret' };
  return {
    settings: () => ({ backend: 's3', s3, path }),
    age: (sha256, ms) => void vendor.modified.set(`litegen/${sha256.slice(0, 2)}/${sha256}`, ms),
    close: async () => {
      await vendor.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

const stores = [
  { place: 'on disk', open: async () => onDisk() },
  { place: 'in a bucket', open: inBucket },
];

describe.each(databases())('files that nothing refers to, with $name', ({ url }) => {
  describe.each(stores)('$place', ({ open }) => {
    let kept: Kept;
    let made: TestApplication;
    let store: BlobStore;
    let sweep: FileSweep;
    let aheadMs = 0;

    beforeAll(async () => {
      kept = await open();
      made = await testApplication(url, { storage: kept.settings() });
      store = made.app.get(BlobStore);
      sweep = made.app.get(FileSweep);
      const clock = made.app.get(Clock);
      clock.nowMs = () => Date.now() + aheadMs;
    });
    afterAll(async () => {
      await made?.close();
      await kept?.close();
    });

    async function put(data: Uint8Array): Promise<string> {
      const writer = await store.createWriter(10_000_000);
      await writer.write(data);
      return (await writer.finish()).sha256;
    }

    const refer = (sha256: string, bytes: number) => {
      const generation = generationRow();
      return seed(made.app.get(Database), { generations: [generation], assets: [assetRow(generation, { sha256, bytes })] });
    };

    async function at<T>(ms: number, work: () => Promise<T>): Promise<T> {
      aheadMs = ms;
      try {
        return await work();
      } finally {
        aheadMs = 0;
      }
    }

    async function read(sha256: string): Promise<Buffer> {
      const parts: Buffer[] = [];
      for await (const part of await store.read(sha256)) parts.push(part as Buffer);
      const chunks: Buffer[] = [];
      for await (const chunk of store.chunks(sha256)) chunks.push(Buffer.from(chunk));
      const whole = await store.readAll(sha256);
      expect([Buffer.concat(parts).equals(whole), Buffer.concat(chunks).equals(whole), await store.has(sha256)]).toEqual([
        true,
        true,
        true,
      ]);
      return whole;
    }

    const isThere = (sha256: string) => store.has(sha256);

    it('are set aside after a grace and deleted after another, and no others are', async () => {
      const [lost, small, owned] = await Promise.all([put(randomBytes(LARGE)), put(randomBytes(SMALL)), put(randomBytes(LARGE))]);
      await refer(owned, LARGE);
      expect(await sweep.sweep()).toEqual({ setAside: 0, restored: 0, deleted: 0 });
      expect(await at(2 * DAY_MS, () => sweep.sweep())).toEqual({ setAside: 2, restored: 0, deleted: 0 });
      expect((await read(lost)).length).toBe(LARGE);
      expect((await read(small)).length).toBe(SMALL);
      // Its second grace begins where the first ended.
      expect(await sweep.sweep()).toEqual({ setAside: 0, restored: 0, deleted: 0 });
      expect(await at(4 * DAY_MS, () => sweep.sweep())).toEqual({ setAside: 0, restored: 0, deleted: 2 });
      expect([await isThere(lost), await isThere(small), await isThere(owned)]).toEqual([false, false, true]);
      await expect(store.read(lost)).rejects.toMatchObject({ code: 'not_found' });
      expect((await read(owned)).length).toBe(LARGE);
    });

    it('are put back when a request was about to refer to them, which found them all the while', async () => {
      const data = randomBytes(LARGE);
      const sha256 = await put(data);
      kept.age(sha256, Date.now() - 400 * DAY_MS);
      // The request sees that the file is there already; then the sweep comes; then the row is written.
      expect(await put(data)).toBe(sha256);
      expect((await sweep.sweep()).setAside).toBe(1);
      expect((await read(sha256)).equals(data)).toBe(true);
      await refer(sha256, LARGE);
      expect((await read(sha256)).equals(data)).toBe(true);
      expect(await at(4 * DAY_MS, () => sweep.sweep())).toMatchObject({ restored: 1, deleted: 0 });
      expect((await read(sha256)).equals(data)).toBe(true);
      expect(await at(8 * DAY_MS, () => sweep.sweep())).toEqual({ setAside: 0, restored: 0, deleted: 0 });
    });

    it('are stored anew by whoever comes after they were set aside', async () => {
      for (const bytes of [SMALL, LARGE]) {
        const data = randomBytes(bytes);
        const sha256 = await put(data);
        await at(2 * DAY_MS, () => sweep.sweep());
        await put(data);
        await refer(sha256, bytes);
        await at(4 * DAY_MS, () => sweep.sweep());
        await at(8 * DAY_MS, () => sweep.sweep());
        expect((await read(sha256)).equals(data)).toBe(true);
      }
    });

    it('stay while they may belong to work that has not ended', async () => {
      const sha256 = await put(randomBytes(LARGE));
      const running = generationRow({ status: 'running', createdAt: Date.now() - HOUR_MS });
      await seed(made.app.get(Database), { generations: [running] });
      expect((await at(400 * DAY_MS, () => sweep.sweep())).setAside).toBe(0);
      kept.age(sha256, Date.now() - 400 * DAY_MS);
      expect((await at(400 * DAY_MS, () => sweep.sweep())).setAside).toBe(1);
      expect((await at(800 * DAY_MS, () => sweep.sweep())).deleted).toBe(0);
      await made.app.get(Database).write((manager) => manager.query(`UPDATE generations SET status = 'failed' WHERE id = '${running.id}'`));
      expect((await at(800 * DAY_MS, () => sweep.sweep())).deleted).toBe(1);
    });

    it('are never those of requests that come while it runs', async () => {
      const contents = Array.from({ length: 24 }, (_one, index) => randomBytes(index % 2 === 0 ? SMALL : LARGE));
      for (const data of contents) kept.age(await put(data), Date.now() - 400 * DAY_MS);
      let isOver = false;
      const sweeping = (async () => {
        while (!isOver) await sweep.sweep();
      })();
      await Promise.all(
        contents.map(async (data) => {
          for (let round = 0; round < 8; round += 1) {
            const sha256 = await put(data);
            // As if it had lain there for long when the request came.
            kept.age(sha256, Date.now() - 400 * DAY_MS);
            expect((await read(sha256)).equals(data)).toBe(true);
          }
          await refer(await put(data), data.length);
        }),
      );
      isOver = true;
      await sweeping;
      await at(4 * DAY_MS, () => sweep.sweep());
      await at(8 * DAY_MS, () => sweep.sweep());
      for (const data of contents) expect((await read(await put(data))).equals(data)).toBe(true);
    });
  });
});

describe.each(databases())('the search for files on $name', ({ name, url }) => {
  const other = sqliteDatabase();
  const kept = onDisk();
  afterAll(() => kept.close());

  it('is one process’s at a time, begins after a first look, and ends where another installation uses the store', async () => {
    const path = kept.settings() as { path: string };
    // A SQLite file is one process's.
    const replicas = await Promise.all((name === 'sqlite' ? [1] : [1, 2]).map(() => testApplication(url, { storage: path })));
    const store = replicas[0]?.app.get(BlobStore) as BlobStore;
    const lookAt = async (days: number) => {
      for (const { app } of replicas) app.get(Clock).nowMs = () => Date.now() + days * DAY_MS;
      await Promise.all(replicas.map(({ app }) => app.get(FileSweep).look()));
    };
    const lines = () => replicas.flatMap((replica) => replica.lines).filter((line) => line.includes('Unreferenced files:'));
    const writer = await store.createWriter(1_000);
    await writer.write(randomBytes(100));
    const { sha256 } = await writer.finish();

    await lookAt(2);
    expect(lines()).toEqual([]);
    await lookAt(2.5);
    expect(lines()).toEqual([]);
    await lookAt(3.1);
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toContain('1 set aside');
    await lookAt(3.1);
    expect(lines()).toHaveLength(1);

    const stranger = await testApplication(other.url, { storage: path });
    await stranger.app.get(FileSweep).look();
    expect((await store.readNote(INSTALLATIONS))?.trim().split('\n')).toHaveLength(2);
    await lookAt(8);
    stranger.app.get(Clock).nowMs = () => Date.now() + 8 * DAY_MS;
    await stranger.app.get(FileSweep).look();
    expect(lines()).toHaveLength(1);
    expect(
      [...replicas, stranger].flatMap((one) => one.lines).filter((line) => line.includes('2 installations use the same store')),
    ).toHaveLength(2);
    expect(await store.has(sha256)).toBe(true);
    for (const { close } of [...replicas, stranger]) await close();
  });

  it('is left out where the settings say so', async () => {
    const { app } = await testApplication(url, { storage: { ...(kept.settings() as object), sweep_interval_hours: 0 } });
    app.get(Clock).nowMs = () => Date.now() + 800 * DAY_MS;
    const before = await app.get(BlobStore).readNote(INSTALLATIONS);
    await app.get(FileSweep).look();
    expect(await app.get(BlobStore).readNote(INSTALLATIONS)).toBe(before);
  });
});
