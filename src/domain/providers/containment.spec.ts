import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Clock } from '../../platform/common/index.js';
import { SecretRegistry } from '../../platform/security/index.js';
import { insidePlugin, outsidePlugins, PluginFaults } from './containment.js';
import type { PluginPackage } from './plugin-manifest.js';

const HOME = '/opt/gateway';

function setUp() {
  const counted: string[] = [];
  const metrics = {
    pluginFault: (plugin: string, kind: string) => void counted.push(`${plugin} ${kind}`),
    pluginTakenOut: (plugin: string) => void counted.push(`${plugin} out`),
  };
  const plugin = { manifest: { id: 'acme' }, directory: join(HOME, 'plugins/acme') } as unknown as PluginPackage;
  const faults = new PluginFaults([plugin], [join(HOME, 'dist')], { clock: new Clock(), metrics, secrets: new SecretRegistry() });
  return { faults, counted };
}

function thrownIn(file: string): Error {
  const error = new Error('stray');
  error.stack = `Error: stray\n    at Timeout._onTimeout (${file}:3:5)\n    at listOnTimeout (node:internal/timers:581:17)`;
  return error;
}

describe('an error that nobody caught', () => {
  it.each<readonly [string, string, string | undefined, boolean]>([
    ['in a plugin’s file', 'file:///opt/gateway/plugins/acme/dist/index.js', undefined, true],
    ['in a plugin’s file, by its path', '/opt/gateway/plugins/acme/dist/index.js', undefined, true],
    ['in another plugin’s file', '/opt/gateway/plugins/acme-two/index.js', undefined, false],
    ['in a library, while a plugin runs', '/opt/gateway/node_modules/x/index.js', 'acme', true],
    ['in the gateway’s own files, while a plugin runs', '/opt/gateway/dist/src/app/main.js', 'acme', false],
    ['in the gateway’s own files', '/opt/gateway/dist/src/app/main.js', undefined, false],
  ])('belongs to whom it belongs: %s', (_where, file, running, isContained) => {
    const { faults } = setUp();
    const contain = (): boolean => faults.contain(thrownIn(file), 'uncaught_exception');
    expect(running === undefined ? contain() : insidePlugin(running, contain)).toBe(isContained);
  });

  it('is a plugin’s when it left a promise of the gateway’s alone, and never when the gateway works for it', () => {
    const { faults } = setUp();
    const contain = (): boolean => faults.contain(thrownIn('/opt/gateway/dist/src/x.js'), 'unhandled_rejection');
    expect(insidePlugin('acme', contain)).toBe(true);
    expect(insidePlugin('acme', () => outsidePlugins(contain))).toBe(false);
  });

  it.each([
    undefined,
    'text',
    {
      toString: () => {
        throw new Error('no');
      },
    },
  ])('may be anything: %#', (reason) => {
    expect(insidePlugin('acme', () => setUp().faults.contain(reason, 'unhandled_rejection'))).toBe(true);
  });

  it('takes the plugin out of use when it is the fifth', () => {
    const { faults, counted } = setUp();
    for (let count = 1; count <= 6; count += 1) {
      faults.contain(thrownIn('/opt/gateway/plugins/acme/index.js'), 'uncaught_exception');
      expect(faults.takenOut('acme') !== undefined).toBe(count >= 5);
    }
    expect(counted.filter((line) => line === 'acme out')).toHaveLength(1);
    expect([...faults.allTakenOut().keys()]).toEqual(['acme']);
  });
});

it('takes a plugin out of use when twenty calls at once do not end', () => {
  const { faults } = setUp();
  const ended = Array.from({ length: 19 }, () => faults.abandoned('acme', 'the start of x'));
  for (const end of ended) end();
  for (let count = 1; count <= 20; count += 1) {
    expect(faults.takenOut('acme')).toBeUndefined();
    faults.abandoned('acme', 'the start of x');
  }
  expect(faults.takenOut('acme')).toContain('20 calls');
});
