import { describe, expect, it } from 'vitest';
import { egressAllows, transfersAllow } from './egress.js';

describe('egressAllows', () => {
  const egress = ['https://api.acme.test', 'https://*.acme-cdn.test', 'http://localhost:8188', '$api_base'];

  it.each([
    ['https://api.acme.test/v1/images?x=1', true],
    ['https://api.acme.test:443/', true],
    ['https://a.b.acme-cdn.test/1.png', true],
    ['https://CDN.ACME-CDN.test/1.png', true],
    ['http://localhost:8188/prompt', true],
    ['https://proxy.corp.test:8443/acme', true],
    ['http://api.acme.test/', false],
    ['https://api.acme.test:8443/', false],
    ['https://api.acme.test.evil.test/', false],
    ['https://api.acme.test@evil.test/', false],
    ['https://acme-cdn.test/', false],
    ['https://evil-acme-cdn.test/', false],
    ['http://x.acme-cdn.test/', false],
    ['https://x.acme-cdn.test:8443/', false],
    ['http://localhost/', false],
    ['https://proxy.corp.test/', false],
  ])('judges %s', (url, allowed) => {
    expect(egressAllows(egress, new URL(url), 'https://proxy.corp.test:8443/acme')).toBe(allowed);
  });

  it('knows no base URL when the operator set none', () => {
    expect(egressAllows(['$api_base'], new URL('https://proxy.corp.test'))).toBe(false);
  });
});

describe('transfersAllow', () => {
  const cdn = new URL('https://a.cdn.test/1.png');
  const own = new URL('http://127.0.0.1:8091/1.png');
  it.each<readonly [string, Parameters<typeof transfersAllow>[0], boolean]>([
    ['public', { transfers: 'public' }, true],
    ['its origins', { egress: ['https://api.test'], transfers: ['https://*.cdn.test'] }, true],
    ['other origins', { egress: ['https://*.cdn.test'], transfers: ['https://files.test'] }, false],
    ['none', { egress: ['https://*.cdn.test'], transfers: [] }, false],
    ['nothing, where egress says it', { egress: ['https://*.cdn.test'] }, true],
    ['nothing at all', {}, false],
  ])('goes by a manifest that says %s', (_what, manifest, allowed) => {
    expect(transfersAllow(manifest, cdn, 'http://127.0.0.1:8091/v1')).toBe(allowed);
    expect(transfersAllow(manifest, own, 'http://127.0.0.1:8091/v1')).toBe(true);
  });
});
