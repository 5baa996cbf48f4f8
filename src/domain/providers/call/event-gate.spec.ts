import type { CallEvent } from '@litegen/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { EventGate } from './event-gate.js';

const preview = (index: number): CallEvent => ({ type: 'partial_image', index, media: { kind: 'url', url: 'https://x.test/1.png' } });

describe('events of a plugin', () => {
  it('tell each step of the progress once, and never backwards', async () => {
    const told: CallEvent[] = [];
    const gate = new EventGate(new AbortController().signal, (event) => void told.push(event));
    for (const progress of [0, 10, 10.4, 5, Number.NaN, 11, 11, 100]) await gate.take({ type: 'progress', progress });
    expect(told.map((event) => 'progress' in event && event.progress)).toEqual([0, 10, 11, 100]);
  });

  it('leave the event loop to others, however many come', async () => {
    const gate = new EventGate(new AbortController().signal, () => undefined);
    let isOver = false;
    const flood = (async () => {
      while (!isOver) await gate.take({ type: 'progress', progress: 1 });
    })();
    await new Promise((resolve) => setTimeout(resolve, 20));
    isOver = true;
    await flood;
  });

  it('bring previews one after another, and not without end', async () => {
    let running = 0;
    let most = 0;
    let fetched = 0;
    const gate = new EventGate(new AbortController().signal, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      fetched += 1;
    });
    await Promise.all(Array.from({ length: 1000 }, (_one, index) => gate.take(preview(index))));
    expect([most, fetched]).toEqual([1, 4]);
    for (let index = 0; index < 1000; index += 1) await gate.take(preview(index));
    expect(fetched).toBe(64);
  });

  it('are nothing once the call was given up, and a preview that fails stays alone', async () => {
    const controller = new AbortController();
    const told: CallEvent[] = [];
    const gate = new EventGate(controller.signal, (event) => {
      if (event.type === 'partial_image' && event.index === 0) throw new Error('broken');
      told.push(event);
    });
    await expect(gate.take(preview(0))).rejects.toThrow('broken');
    await gate.take(preview(1));
    controller.abort();
    await gate.take(preview(2));
    expect(told).toEqual([preview(1)]);
  });
});
