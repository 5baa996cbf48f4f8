import { beforeAll, describe, expect, it } from 'vitest';
import { type Settings, testApplication } from '../../../test/support/application.js';
import { DEFAULT_TENANT } from './access.js';
import { AuthService } from './auth.service.js';

const MASTER = 'a-master-key-for-authentication';

/** The service of an application with these settings, from the first `beforeAll` on. */
function authWith(settings: Settings): { readonly service: () => AuthService } {
  let service: AuthService | undefined;
  beforeAll(async () => {
    service = (await testApplication('sqlite://:memory:', settings)).app.get(AuthService);
  });
  return {
    service: () => {
      if (service === undefined) throw new Error('the application is not there yet');
      return service;
    },
  };
}

describe('with a master key', () => {
  const auth = authWith({ master_key: MASTER });

  it.each([`Bearer ${MASTER}`, `bearer ${MASTER}`, `Bearer   ${MASTER} `, MASTER])(
    '%s is an administrator of the default tenant',
    async (header) => {
      expect(await auth.service().authenticate(header)).toMatchObject({
        kind: 'master',
        ...DEFAULT_TENANT,
        scopes: new Set(['generate', 'read', 'admin']),
      });
    },
  );

  it.each([undefined, '', 'Bearer ', '   '])('%j asks for a key', async (header) => {
    expect(() => auth.service().authenticate(header)).toThrow(expect.objectContaining({ code: 'authentication_required' }));
  });

  it.each([`${MASTER}x`, MASTER.slice(0, -1), MASTER.toUpperCase(), 'undefined', 'null'])('%s is no key', async (header) => {
    await expect(auth.service().authenticate(`Bearer ${header}`)).rejects.toMatchObject({ code: 'invalid_api_key' });
  });
});

describe('without a master key', () => {
  const auth = authWith({});
  const hosted = authWith({ mode: 'hosted' });
  const placeholder = authWith({ master_key: 'changeme' });

  it.each([undefined, '', 'Bearer whatever-an-sdk-insists-on'])('%j is an administrator on this machine', async (header) => {
    expect(await auth.service().authenticate(header)).toMatchObject({ kind: 'anonymous', ...DEFAULT_TENANT });
  });

  it('a key that was made or looks so is still checked', async () => {
    await expect(auth.service().authenticate(`Bearer sk_live_${'0'.repeat(48)}`)).rejects.toMatchObject({ code: 'invalid_api_key' });
  });

  it('nobody is let in when the gateway is hosted', async () => {
    expect(() => hosted.service().authenticate(undefined)).toThrow(expect.objectContaining({ code: 'authentication_required' }));
    await expect(hosted.service().authenticate('Bearer x')).rejects.toMatchObject({ code: 'authentication_required' });
  });

  it('a placeholder counts as none', async () => {
    expect(await placeholder.service().authenticate('Bearer anything')).toMatchObject({ kind: 'anonymous' });
  });
});
