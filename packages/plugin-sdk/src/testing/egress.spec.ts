import { describe, expect, it } from 'vitest';
import { egressAllows } from './egress.js';

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
