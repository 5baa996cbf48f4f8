import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../src/app/version.js';
import { listSettings, loadConfig } from '../../src/platform/config/index.js';

const EXAMPLE = join(PACKAGE_ROOT, 'litegen.example.yaml');

it('the example of the settings loads, and says what would be so without it', () => {
  const { config, file } = loadConfig({ LITEGEN_CONFIG: EXAMPLE }, '/');
  expect(file).toBe(EXAMPLE);
  expect(config).toEqual(loadConfig({}, '/').config);
});

it('the example has every setting', () => {
  const text = readFileSync(EXAMPLE, 'utf8');
  for (const { path } of listSettings()) expect(text).toMatch(new RegExp(`^[ #]*${path.split('.').at(-1)}:`, 'm'));
});
