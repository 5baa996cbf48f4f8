import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalBlobStore } from '../../src/domain/storage/local-blob-store.js';
import { canMount, SmallDisk } from '../support/small-disk.js';

const CAP = 1_000_000;
const LARGEST = 65_536;
const FILES = 400;
const STORE = new URL('../../dist/src/domain/storage/local-blob-store.js', import.meta.url).href;
const sha = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** Another process that stores what is counted from `from` on, eight at a time, and says each digest when it is told that it is stored. */
const WRITER = `
  import { LocalBlobStore } from ${JSON.stringify(STORE)};
  const [root, from, count] = process.argv.slice(1);
  const store = new LocalBlobStore(root);
  await store.prepare(Date.now());
  for (let at = Number(from); at < Number(from) + Number(count); at += 8) {
    await Promise.all(Array.from({ length: 8 }, async (_, offset) => {
      const writer = await store.createWriter(${CAP});
      await writer.write(Buffer.alloc((at + offset) * 97 % ${LARGEST + 1}, at + offset + ' '));
      process.stdout.write((await writer.finish()).sha256 + '\\n');
    }));
  }
`;

/** As the other process makes it. */
const content = (number: number) => Buffer.alloc((number * 97) % (LARGEST + 1), `${number} `);

function writer(root: string, from: number, count: number): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', WRITER, root, String(from), String(count)], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function put(store: LocalBlobStore, data: Uint8Array): Promise<string> {
  const spool = await store.createWriter(CAP);
  await spool.write(data);
  return (await spool.finish()).sha256;
}

const WAYS = ['waited for', 'left to other threads'];

/** A store that has not looked at its disk gives every file to other threads, as on a mount. */
async function open(path: string, way: string): Promise<LocalBlobStore> {
  const prepared = new LocalBlobStore(path);
  await prepared.prepare(Date.now());
  return way === 'waited for' ? prepared : new LocalBlobStore(path);
}

describe.each(WAYS)('small files that are %s', (way) => {
  let root: string;
  let store: LocalBlobStore;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'litegen-small-files-'));
    store = await open(root, way);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it.each([0, 1, LARGEST - 1, LARGEST, LARGEST + 1])('are read whole when %i bytes long, here and by another store', async (bytes) => {
    const data = randomBytes(bytes);
    const digest = await put(store, data);
    expect(digest).toBe(sha(data));
    expect((await new LocalBlobStore(root).readAll(digest)).equals(data)).toBe(true);
    expect((await store.readAll(digest)).equals(data)).toBe(true);
  });

  it('are all there when a turn brings hundreds of them, some twice', async () => {
    const files = Array.from({ length: FILES }, (_, number) => content(number % 300));
    const digests = await Promise.all(files.map((data) => put(store, data)));
    expect(digests).toEqual(files.map(sha));
    for (const [at, digest] of digests.entries()) expect((await store.readAll(digest)).equals(files[at] as Buffer)).toBe(true);
  });

  it('are gone when deleted, and come back when stored again', async () => {
    const digest = await put(store, Buffer.from('a picture'));
    await store.delete(digest);
    expect(await store.has(digest)).toBe(false);
    await expect(store.readAll(digest)).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.chunks(digest).next()).rejects.toMatchObject({ code: 'not_found' });
    await put(store, Buffer.from('a picture'));
    expect(String(await store.readAll(digest))).toBe('a picture');
    await store.setAside(digest);
    await put(store, Buffer.from('a picture'));
    await store.deleteAside(digest);
    expect(String(await store.readAll(digest))).toBe('a picture');
  });

  it('are read to their end by who began before they were deleted', async () => {
    const data = randomBytes(LARGEST);
    const digest = await put(store, data);
    const reading = await new LocalBlobStore(root).read(digest);
    await store.delete(digest);
    const parts: Buffer[] = [];
    for await (const part of reading) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
  });

  it('may be stored by several processes at once, partly the same ones', async () => {
    const others = [writer(root, 0, 160), writer(root, 80, 160)];
    const own = Promise.all(Array.from({ length: 160 }, (_, number) => put(store, content(number))));
    await Promise.all([own, ...others.map((child) => once(child, 'exit'))]);
    expect(others.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    for (let number = 0; number < 240; number += 1) {
      expect((await store.readAll(sha(content(number)))).equals(content(number))).toBe(true);
    }
  });

  it('are whole after a kill if anybody was told of them, and are mended by who stores them again', async () => {
    const child = writer(root, 0, 100_000);
    let told = '';
    const exit = once(child, 'exit');
    child.stdout?.on('data', (chunk: Buffer) => {
      told += String(chunk);
      if (told.length > 65 * 200) child.kill('SIGKILL');
    });
    await exit;
    const digests = told.split('\n').filter((line) => line.length === 64);
    expect(digests.length).toBeGreaterThan(150);
    for (const digest of digests) expect(sha(await store.readAll(digest))).toBe(digest);
    // What nobody was told of is not there, whole, or too short, and never under a name of its own.
    for (const folder of readdirSync(root)) {
      if (folder === 'tmp') continue;
      for (const name of readdirSync(join(root, folder))) {
        const number = Array.from({ length: digests.length + 16 }, (_, at) => at).find((at) => sha(content(at)) === name) ?? -1;
        expect(number).toBeGreaterThanOrEqual(0);
        const found = readFileSync(join(root, folder, name));
        expect(content(number).subarray(0, found.length).equals(found)).toBe(true);
        await put(store, content(number));
        expect(sha(await store.readAll(name))).toBe(name);
      }
    }
  });
});

describe.skipIf(!canMount())('a small disk (needs the right to mount)', () => {
  const disk = canMount() ? new SmallDisk(24) : undefined;
  const path = disk?.path ?? '';
  let store: LocalBlobStore;
  afterEach(() => {
    store.health.stop();
    disk?.free();
  });
  afterAll(() => disk?.remove());

  it.each(WAYS)('that is full refuses small files that are %s, and takes them whole when there is room again', async (way) => {
    store = await open(path, way);
    const data = randomBytes(LARGEST);
    await put(store, randomBytes(10));
    disk?.fill();
    await expect(put(store, data)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(store.health.reason).toBe('ENOSPC');
    await expect(put(store, randomBytes(5000))).rejects.toMatchObject({ code: 'storage_unavailable' });
    disk?.free();
    await store.health.untilBack();
    expect((await store.readAll(await put(store, data))).equals(data)).toBe(true);
  });

  it.each(WAYS)('that is read-only refuses small files that are %s', async (way) => {
    store = await open(path, way);
    execFileSync('mount', ['-o', 'remount,ro', path]);
    try {
      await expect(put(store, randomBytes(100))).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(store.health.reason).toBe('EROFS');
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', path]);
    }
    await store.health.untilBack();
    await put(store, randomBytes(100));
  });
});
