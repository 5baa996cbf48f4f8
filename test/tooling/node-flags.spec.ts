import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const flagsOf = (words: readonly string[]) => words.filter((word) => word.startsWith('--'));

it('starts Node in the image with the flags of `npm start`', () => {
  const { start } = (JSON.parse(read('package.json')) as { scripts: { start: string } }).scripts;
  const command = /^CMD (\[.*\])$/m.exec(read('Dockerfile'))?.[1] ?? '[]';
  const flags = flagsOf(start.split(' '));
  expect(flags).not.toEqual([]);
  expect(flagsOf(JSON.parse(command) as string[])).toEqual(flags);
});
