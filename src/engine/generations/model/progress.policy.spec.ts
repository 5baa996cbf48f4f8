import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GenerationStatus } from './generation.types.js';
import { beginningOf, eventsSince, type GenerationLook, type Position, type ProgressEvent, positionOf } from './progress.policy.js';

const look = (status: GenerationStatus, attemptCount: number, progress = 0): GenerationLook => ({
  id: 'g',
  status,
  attemptCount,
  progress,
  updatedAt: 0,
});

/** A life with retries, as the rows show it step by step. */
const lives = fc
  .record({
    tries: fc.integer({ min: 1, max: 4 }),
    progress: fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 6 }),
    end: fc.constantFrom('completed' as const, 'failed' as const, 'cancelled' as const),
  })
  .map(({ tries, progress, end }): GenerationLook[] => {
    const life = [look('queued', 0)];
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      life.push(look('dispatching', attempt));
      if (attempt < tries) life.push(look('queued', attempt));
    }
    const grown = [...new Set(progress)].sort((left, right) => left - right);
    for (const percent of grown) life.push(look('running', tries, percent));
    return [...life, look('ingesting', tries, grown.at(-1) ?? 0), look(end, tries, end === 'completed' ? 100 : (grown.at(-1) ?? 0))];
  });

function heard(life: readonly GenerationLook[], from: Position): ProgressEvent[] {
  let position = from;
  return life.flatMap((one) => {
    const { events, position: reached } = eventsSince(position, one);
    position = reached;
    return events;
  });
}

const told = (events: readonly ProgressEvent[]) =>
  events.map((event) => (event.kind === 'ended' ? 'end' : `${event.kind} ${event.status} ${event.progress}`));

describe('what a listener hears', () => {
  it('is every change, and the end', () => {
    const life = [look('queued', 0), look('dispatching', 1), look('queued', 1), look('dispatching', 2), look('running', 2, 40)];
    const events = heard([...life, look('completed', 2, 100)], beginningOf(look('queued', 0)));
    expect(told(events)).toEqual([
      'status pending 0',
      'status processing 0',
      'status pending 0',
      'status processing 0',
      'progress processing 40',
      'end',
    ]);
    expect(events.map(({ id }) => id)).toEqual(['1.0', '2.0', '3.0', '4.0', '4.40', 'end']);
  });

  it('begins with how it stands', () => {
    expect(told(heard([look('running', 3, 20)], beginningOf(look('running', 3, 20))))).toEqual([
      'status processing 0',
      'progress processing 20',
    ]);
    expect(told(heard([look('failed', 3, 20)], beginningOf(look('failed', 3, 20))))).toEqual(['end']);
  });

  it('misses no change of the status, however seldom anybody looks', () => {
    fc.assert(
      fc.property(lives, fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }), (life, seen) => {
        const from = beginningOf(look('queued', 0));
        const looked = life.filter((_one, index) => seen[index] === true || index === life.length - 1);
        const statuses = (events: readonly ProgressEvent[]) => events.filter(({ kind }) => kind !== 'progress').map(({ id }) => id);
        expect(statuses(heard(looked, from))).toEqual(statuses(heard(life, from)).map((id) => id));
      }),
    );
  });

  it('goes on after the event that a client names, wherever it broke off, and repeats nothing', () => {
    fc.assert(
      fc.property(lives, fc.nat({ max: 30 }), fc.nat({ max: 30 }), (life, cut, later) => {
        const whole = heard(life, beginningOf(look('queued', 0)));
        const arrived = whole.slice(0, cut % whole.length);
        const last = arrived.at(-1);
        const from = last === undefined ? beginningOf(look('queued', 0)) : positionOf(last.id);
        if (from === null) throw new Error(`${last?.id} cannot be resumed from`);
        // The next process first looks at any later time.
        const rest = heard(life.slice(later % life.length), from);
        const missed = whole.slice(arrived.length);
        const changes = (events: readonly ProgressEvent[]) => told(events.filter(({ kind }) => kind !== 'progress'));
        expect(changes(rest).map((text) => text.replace(/ \d+$/, ''))).toEqual(changes(missed).map((text) => text.replace(/ \d+$/, '')));
        expect(arrived.map(({ id }) => id)).not.toEqual(expect.arrayContaining([rest[0]?.id]));
      }),
    );
  });

  it('takes no other ids', () => {
    for (const id of ['', 'end', '1', '1.', '.1', '1.2.3', '-1.0', '1e3.0', 'x.y', '9999999.0'])
      expect([id, positionOf(id)]).toEqual([id, null]);
  });
});
