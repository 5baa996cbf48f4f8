import { describe, expect, it } from 'vitest';
import { assessExposure, hasRealMasterKey } from './exposure.js';
import { configSchema } from './schema.js';

function assess(settings: object) {
  return assessExposure(configSchema.parse(settings));
}

describe('the start-up self-check', () => {
  it.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1', 'localhost'])('lets a gateway without a key listen on %s', (host) => {
    expect(assess({ server: { host } }).kind).toBe('local');
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', '192.168.1.4', 'gateway.internal'])('refuses to listen on %s without a key', (host) => {
    const exposure = assess({ server: { host } });
    expect(exposure).toMatchObject({ kind: 'refused', message: expect.stringContaining('LITEGEN__MASTER_KEY') });
  });

  it.each(['', 'changeme', ' Secret ', 'sk-1234'])('takes %j for no key', (master_key) => {
    expect(hasRealMasterKey({ master_key })).toBe(false);
    expect(assess({ server: { host: '0.0.0.0' }, master_key })).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('placeholder'),
    });
  });

  it('starts with a key, and with a loud warning when no key is wanted', () => {
    expect(assess({ server: { host: '0.0.0.0' }, master_key: 'a-long-random-value' }).kind).toBe('protected');
    expect(assess({ server: { host: '0.0.0.0' }, allow_no_auth: true })).toMatchObject({
      kind: 'open',
      message: expect.stringContaining('0.0.0.0'),
    });
  });

  it('never starts a hosted gateway without a key', () => {
    expect(assess({ mode: 'hosted', allow_no_auth: true }).kind).toBe('refused');
  });
});
