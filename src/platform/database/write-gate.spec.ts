import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WriteGate } from './write-gate.js';

describe('WriteGate', () => {
  it('lets one in at a time, in order, also after a failure', async () => {
    const gate = new WriteGate();
    const seen: string[] = [];
    const work =
      (name: string, fails = false) =>
      async (): Promise<void> => {
        seen.push(`${name} in`);
        await delay(2);
        seen.push(`${name} out`);
        if (fails) throw new Error(name);
      };
    const turns = [gate.run(work('a')), gate.run(work('b', true)), gate.run(work('c'))];
    const ends = await Promise.allSettled(turns);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(seen).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  it('lets a writer that is inside straight through', async () => {
    const gate = new WriteGate();
    expect(await gate.run(() => gate.run(async () => 'inner'))).toBe('inner');
  });

  it('makes what was started inside wait once the stay is over', async () => {
    const gate = new WriteGate();
    const seen: string[] = [];
    let late: Promise<void> | undefined;
    await gate.run(async () => {
      late = delay(5).then(() =>
        gate.run(async () => {
          seen.push('late');
        }),
      );
    });
    await gate.run(async () => {
      await delay(15);
      seen.push('other');
    });
    await late;
    expect(seen).toEqual(['other', 'late']);
  });
});
