import { beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '../../platform/common/index.js';
import { configSchema } from '../../platform/config/index.js';
import type { InstanceSecrets } from '../../platform/database/index.js';
import { LinkSigner } from './links.js';

class SetClock extends Clock {
  ms = Date.UTC(2026, 0, 1, 12, 0, 30);
  override nowMs(): number {
    return this.ms;
  }
}

const asset = { id: 'asset-1' };

describe('links', () => {
  let clock: SetClock;
  const signer = async (settings: object = {}, key = 1) => {
    const secrets = { get: async () => Buffer.alloc(32, key) } as unknown as InstanceSecrets;
    const links = new LinkSigner(secrets, clock, configSchema.parse(settings));
    await links.onModuleInit();
    return links;
  };
  const queryOf = (url: string) => Object.fromEntries(new URL(url, 'http://gateway.test').searchParams);
  beforeEach(() => {
    clock = new SetClock();
  });

  it('hold until they expire', async () => {
    const links = await signer();
    const query = queryOf(links.sign('asset-1', { expiresAt: clock.ms / 1000 + 10 }));
    expect(links.verify('asset-1', query)).toEqual({ expiresAt: clock.ms / 1000 + 10, download: false });
    clock.ms += 10_000;
    expect(() => links.verify('asset-1', query)).toThrow(expect.objectContaining({ code: 'link_invalid' }));
  });

  it('hold for their file, their time, their form and their key alone', async () => {
    const links = await signer();
    const path = links.sign('asset-1', { expiresAt: clock.ms / 1000 + 600, download: true });
    const query = queryOf(path);
    expect(path.startsWith('/v1/files/asset-1?')).toBe(true);
    expect(links.verify('asset-1', query)).toMatchObject({ download: true });
    const { download: _download, ...shown } = query;
    const forgeries: [string, Record<string, unknown>][] = [
      ['asset-2', query],
      ['asset-1', shown],
      ['asset-1', { ...query, download: '0' }],
      ['asset-1', { ...query, expires: String(Number(query['expires']) + 1) }],
      ['asset-1', { ...query, expires: `${query['expires']}x` }],
      ['asset-1', { ...query, signature: '' }],
      ['asset-1', { ...query, signature: `${query['signature']?.slice(0, -2)}AA` }],
      ['asset-1', { ...query, signature: [query['signature']] }],
      ['asset-1', {}],
    ];
    for (const [id, forged] of forgeries) expect(() => links.verify(id, forged)).toThrow(expect.objectContaining({ code: 'link_invalid' }));
    const others = await signer({}, 2);
    expect(() => others.verify('asset-1', query)).toThrow(expect.objectContaining({ code: 'link_invalid' }));
  });

  it('are equal within a minute, and hold at least as long as the settings say', async () => {
    const links = await signer({ storage: { link_ttl_seconds: 90 } });
    const first = links.urlFor(asset, 'http://localhost:4000');
    expect(Number(queryOf(first)['expires'])).toBe(Date.UTC(2026, 0, 1, 12, 2) / 1000);
    clock.ms -= 29_000;
    const earlier = links.urlFor(asset, 'http://localhost:4000');
    expect(Number(queryOf(earlier)['expires']) - clock.ms / 1000).toBeGreaterThanOrEqual(90);
    clock.ms += 10_000;
    expect(links.urlFor(asset, 'http://localhost:4000')).toBe(earlier);
  });

  it('lead to the public address, or else to the one that the caller used', async () => {
    const local = await signer();
    expect(local.urlFor(asset, 'http://localhost:4000/')).toMatch(/^http:\/\/localhost:4000\/v1\/files\/asset-1\?/);
    const known = await signer({ server: { public_url: 'https://media.example.com/gateway/' } });
    expect(known.urlFor(asset, 'http://localhost:4000')).toMatch(/^https:\/\/media\.example\.com\/gateway\/v1\/files\/asset-1\?/);
  });
});
