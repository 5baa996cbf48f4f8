import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const LIB = new URL('../../bench/lib/', import.meta.url);

/** A file of the benchmark, which is plain JavaScript. */
async function load<T>(name: string): Promise<T> {
  return (await import(new URL(name, LIB).href)) as T;
}

interface WarmUp {
  readonly name: string;
  readonly requests: number;
}

describe('the benchmark', () => {
  it('names who was measured before it was warm', async () => {
    const { warmUpNote } = await load<{ warmUpNote: (warmUps: readonly WarmUp[], isQuick: boolean) => string }>('bench.mjs');
    const vendor = { name: 'vendor', requests: 10_000 };
    expect(warmUpNote([vendor], false)).toBe('Warm-up: 10000 requests each.');
    expect(warmUpNote([vendor, { name: 'LiteGen', requests: 417 }], true)).toBe(
      'Warm-up: 10000 requests each, at most 2 s because of --quick; fewer: LiteGen 417.',
    );
  });

  it('keeps its directories until the run has ended, however it ends', () => {
    const script = `
      import { existsSync, writeFileSync } from 'node:fs';
      const { makeDirectory } = await import(${JSON.stringify(new URL('leavings.mjs', LIB).href)});
      const directory = makeDirectory('spec');
      writeFileSync(directory + '/file', '');
      console.log(existsSync(directory), directory);
      throw new Error('a scenario failed');`;
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    const [existed, directory] = stdout.trim().split(' ');
    expect({ status, existed }).toEqual({ status: 1, existed: 'true' });
    expect(existsSync(String(directory))).toBe(false);
  });

  it('asks SQLite itself what a commit promises', async () => {
    const { SqliteFiles } = await load<{ SqliteFiles: new () => { durability: () => Promise<string> } }>('database.mjs');
    expect(await new SqliteFiles().durability()).toMatch(/^SQLite: journal_mode wal, synchronous (NORMAL|FULL)$/);
  });
});
