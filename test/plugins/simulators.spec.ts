import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Starts a simulator as someone who installed the package would, and prints the status of one answer. */
const program = (name: string, start: string) => `
  import { ${start} } from '${name}/simulator';
  const simulator = await ${start}({ flavour: 'sglang' });
  const { status } = await fetch(simulator.origin + '/no/such/route');
  await simulator.close();
  console.log(status);
`;

describe('the simulator of a plugin', () => {
  it.each([
    ['fal', 'startFalSimulator', 401],
    ['openai', 'startOpenAiSimulator', 401],
    ['openai-compatible', 'startCompatibleSimulator', 404],
  ])('is published with it and runs by itself, and its tests are not: %s', (plugin, start, status) => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: join(ROOT, 'plugins', plugin),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['dist/index.js', 'dist/simulator/index.js', 'dist/simulator/index.d.ts']));
    expect(paths.filter((path) => /^(src|simulator|test)\/|\.spec\.|\.tsbuildinfo$/.test(path))).toEqual([]);

    const source = program(`litegen-provider-${plugin}`, start);
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', source], { cwd: ROOT, encoding: 'utf8' });
    expect(Number(printed)).toBe(status);
  });
});
