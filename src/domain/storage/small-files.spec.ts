import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskPace, SmallFiles } from './small-files.js';

describe('the pace of a disk', () => {
  const write = (pace: DiskPace, fromMs: number, tookMs: number) => {
    pace.took(fromMs, fromMs + tookMs);
    return fromMs + tookMs;
  };

  it('stays quick while files take what they take in memory', () => {
    const pace = new DiskPace();
    for (let nowMs = 0, files = 0; files < 1000; files += 1) {
      nowMs = write(pace, nowMs, files % 20 === 0 ? 1.5 : 0.05);
      expect(pace.isQuick(nowMs)).toBe(true);
    }
  });

  it('rests a thousand times as long as one file was stuck', () => {
    const pace = new DiskPace();
    const nowMs = write(pace, 100, 30);
    expect(pace.isQuick(nowMs)).toBe(false);
    expect(pace.isQuick(nowMs + 29_999)).toBe(false);
    expect(pace.isQuick(nowMs + 30_000)).toBe(true);
    // Nothing of it is remembered by then.
    expect(pace.isQuick(write(pace, nowMs + 30_000, 0.05))).toBe(true);
  });

  it('rests when every file is a little slow', () => {
    const pace = new DiskPace();
    let files = 0;
    for (let nowMs = 0; pace.isQuick(nowMs); files += 1) nowMs = write(pace, nowMs, 0.6);
    expect(files).toBeLessThan(10);
  });
});

describe('small files', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'litegen-small-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** Whether the file is there before anything else had its turn. */
  function isThereAtOnce(files: SmallFiles, name: string): boolean {
    const path = join(directory, name);
    const writing = files.write(path, Buffer.from('x'));
    const isThere = statSync(path, { throwIfNoEntry: false })?.size === 1;
    void writing.catch(() => undefined);
    return isThere;
  }

  it.skipIf(process.platform !== 'linux')('are waited for on a disk of this machine that has nothing else to do', async () => {
    let isBusy = false;
    const files = new SmallFiles(() => isBusy);
    expect(isThereAtOnce(files, 'before-the-look')).toBe(false);
    await files.look(directory);
    expect(isThereAtOnce(files, 'quick')).toBe(true);
    isBusy = true;
    expect(isThereAtOnce(files, 'busy')).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')(
    'are not waited for where files are somebody else’s, such as a mount of another kind',
    async () => {
      const files = new SmallFiles(() => false);
      // No disk at all, as any mount whose kind is not in the list.
      await files.look('/proc');
      expect(isThereAtOnce(files, 'foreign')).toBe(false);
      await files.look(join(directory, 'nowhere'));
      expect(isThereAtOnce(files, 'unknown')).toBe(false);
    },
  );

  it.each(['here', 'elsewhere'])('are written over without being emptied, and fail with the kernel’s code, %s', async (way) => {
    const files = new SmallFiles(() => false);
    if (way === 'here') await files.look(directory);
    const path = join(directory, 'file');
    await files.write(path, Buffer.from('abc'));
    const { ino, mode } = statSync(path);
    expect(mode & 0o777).toBe(0o640);
    await files.write(path, Buffer.from('abc'));
    expect(statSync(path).ino).toBe(ino);
    expect(readFileSync(path, 'utf8')).toBe('abc');
    await files.write(join(directory, 'empty'), Buffer.alloc(0));
    expect(statSync(join(directory, 'empty')).size).toBe(0);
    await expect(files.write(join(directory, 'no', 'file'), Buffer.from('x'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.write(directory, Buffer.from('x'))).rejects.toMatchObject({ code: 'EISDIR' });
  });
});
