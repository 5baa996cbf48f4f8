import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { YamlSource } from '../../src/domain/catalog/index.js';
import { textName } from '../../src/domain/catalog/parsed-yaml.js';

const ROOT = resolve(import.meta.dirname, '../..');

describe('what the build parsed', () => {
  const built = JSON.parse(readFileSync(join(ROOT, 'dist/src/domain/catalog/parsed-yaml.json'), 'utf8')) as Record<string, unknown>;
  const files = readdirSync(join(ROOT, 'plugins')).flatMap((plugin) =>
    readdirSync(join(ROOT, 'plugins', plugin), { recursive: true, encoding: 'utf8' })
      .filter((name) => /^models\/.*\.yaml$/.test(name))
      .map((name) => join(ROOT, 'plugins', plugin, name)),
  );

  it('is what a start would parse', () => {
    expect(files.length).toBeGreaterThan(0);
    const known = files.map((file) => readFileSync(file, 'utf8')).filter((text) => built[textName(text)] !== undefined);
    expect(known.length).toBeGreaterThan(0);
    for (const text of known) expect(built[textName(text)]).toEqual(new YamlSource('models.yaml', text).value);
  });

  it('says nothing of a text that changed by a blank', () => {
    for (const file of files) expect(built[textName(`${readFileSync(file, 'utf8')} `)]).toBeUndefined();
  });
});
