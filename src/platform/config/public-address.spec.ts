import { describe, expect, it } from 'vitest';
import { ownPath, ownUrl, recognizeOwn } from './public-address.js';

describe('the gateway’s own addresses', () => {
  it.each([
    ['https://gw.example', 'https://gw.example/v1/files/a', '/v1/files/a'],
    ['https://gw.example/', 'https://gw.example/v1/files/a', '/v1/files/a'],
    ['https://gw.example/litegen', 'https://gw.example/litegen/v1/files/a', '/litegen/v1/files/a'],
    ['https://gw.example:8443/a/b//', 'https://gw.example:8443/a/b/v1/files/a', '/a/b/v1/files/a'],
  ])('at %s', (public_url, url, path) => {
    const server = { public_url };
    expect(ownUrl(server, '/v1/files/a', 'http://caller.test')).toBe(url);
    expect(ownPath(server, '/v1/files/a')).toBe(path);
    expect(recognizeOwn(server, new URL(url))).toEqual({ path: '/v1/files/a', isPublic: true });
    expect(recognizeOwn(server, new URL('http://10.0.0.1:4000/v1/files/a'))).toEqual({ path: '/v1/files/a', isPublic: false });
  });

  it('without one', () => {
    expect(ownUrl({}, '/v1/files/a', 'http://caller.test')).toBe('http://caller.test/v1/files/a');
    expect(ownPath({}, '/v1/files/a')).toBe('/v1/files/a');
    expect(recognizeOwn({}, new URL('http://caller.test/v1/files/a'))).toEqual({ path: '/v1/files/a', isPublic: false });
  });

  it('is not another path that begins alike', () => {
    const server = { public_url: 'https://gw.example/litegen' };
    expect(recognizeOwn(server, new URL('https://gw.example/litegen-2/v1/files/a')).path).toBe('/litegen-2/v1/files/a');
  });
});
