import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const;

type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
type Inject = (method: (typeof METHODS)[number], url: string) => Promise<{ status: number; allow: unknown; code: string | undefined }>;

describe('which methods a path has', () => {
  let inject: Inject;
  let paths: Document['paths'];

  beforeAll(async () => {
    const { app } = await testApplication('sqlite://:memory:');
    inject = async (method, url) => {
      const { statusCode, headers, body } = await app.inject({ method: method as 'GET', url });
      const isFailure = statusCode >= 400 && body !== '';
      const code = isFailure ? (JSON.parse(body) as { error: { code: string } }).error.code : undefined;
      return { status: statusCode, allow: headers['allow'], code };
    };
    ({ paths } = JSON.parse((await app.inject('/openapi.json')).body) as Document);
  });

  function methodsOf(path: string): string[] {
    const documented = Object.keys(paths[path] ?? {}).map((method) => method.toUpperCase());
    return [...documented, ...(documented.includes('GET') ? ['HEAD'] : [])].sort();
  }

  it('are those of the document, and are those that a 405 names', async () => {
    for (const path of Object.keys(paths)) {
      const methods = methodsOf(path);
      const url = path.replace(/\{[^}]+\}/g, 'nothing');
      for (const method of METHODS) {
        const { status, allow, code } = await inject(method, url);
        if (methods.includes(method)) expect([path, method, code === 'route_not_found' || status === 405]).toEqual([path, method, false]);
        else expect([path, method, status, allow]).toEqual([path, method, 405, methods.join(', ')]);
      }
    }
  });

  it('hold for any spelling of the path', async () => {
    for (const url of ['/v1/models', '/v1/%6dodels', '/v1//models', '/openai/v1/models', '/v1/models#there', '/v1/models?provider=mock']) {
      expect([url, (await inject('GET', url)).status]).toEqual([url, 200]);
      expect([url, await inject('PUT', url)]).toEqual([url, { status: 405, allow: 'GET, HEAD', code: 'method_not_allowed' }]);
    }
  });

  it.each(['/v1/models/', '/v1/keys/', '/v1/videos/', '/v1', '/V1/models', '/v1/modelsX', '/*'])(
    'are none where there is no path: %s',
    async (url) => {
      for (const method of ['GET', 'PUT'] as const)
        expect(await inject(method, url)).toMatchObject({ status: 404, code: 'route_not_found' });
    },
  );

  it('are the same where browsers of other origins are answered', async () => {
    const { app } = await testApplication('sqlite://:memory:', { cors: { allowed_origins: ['https://shop.example'] } });
    const preflight = { origin: 'https://shop.example', 'access-control-request-method': 'POST' };
    expect((await app.inject({ method: 'OPTIONS', url: '/v1/videos/generations', headers: preflight })).statusCode).toBe(204);
    const refused = await app.inject({ method: 'DELETE', url: '/v1/videos/generations', headers: { origin: 'https://shop.example' } });
    expect([refused.statusCode, refused.headers['allow']]).toEqual([405, 'POST']);
    expect(refused.headers['access-control-allow-origin']).toBe('https://shop.example');
    const plain = await app.inject({ method: 'OPTIONS', url: '/v1/videos/generations' });
    expect([plain.statusCode, plain.json<{ error: { code: string } }>().error.code]).toEqual([405, 'method_not_allowed']);
  });
});
