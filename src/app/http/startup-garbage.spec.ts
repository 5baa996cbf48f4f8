import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { expect, it } from 'vitest';
import { collectStartupGarbage } from './startup-garbage.js';

const MEGABYTE = 1_000_000;
const EVERY_MS = 20;

/** Bytes of the space in which objects are made. */
function newSpaceBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}

/** Makes objects and keeps some for a while, so that the space grows. */
function litter(): void {
  let kept: object[] = [];
  for (let index = 0; index < 3_000_000; index += 1) {
    kept.push({ index });
    if (kept.length > 100_000) kept = [];
  }
}

it('gives back the memory that garbage took, once there is little to do', async () => {
  litter();
  const grownBytes = newSpaceBytes();
  expect(grownBytes).toBeGreaterThan(4 * MEGABYTE);
  collectStartupGarbage(EVERY_MS);
  const until = performance.now() + 5 * EVERY_MS;
  while (performance.now() < until) {
    const busyUntil = performance.now() + EVERY_MS / 2;
    while (performance.now() < busyUntil);
    await delay(1);
  }
  expect(newSpaceBytes()).toBe(grownBytes);
  await expect.poll(newSpaceBytes, { timeout: 10_000 }).toBeLessThan(grownBytes / 2);
});
