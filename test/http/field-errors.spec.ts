import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { Client, type Failure, failureOf } from '../support/client.js';

/** Names that every object of the language has, and that code which looks names up may take for its own. */
const INHERITED = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];

describe('what is said about a field', () => {
  let client: Client;
  beforeAll(async () => {
    const { app } = await testApplication('sqlite://:memory:');
    await app.listen(0, '127.0.0.1');
    client = new Client(await app.getUrl());
  });

  async function failure(path: string, body: string | object | FormData): Promise<Pick<Failure, 'status' | 'code' | 'param' | 'message'>> {
    const json = typeof body === 'string' ? { headers: { 'content-type': 'application/json' } } : {};
    const { status, code, param, message } = failureOf(await client.send(path, { method: 'POST', body, ...json }));
    return { status, code, param, message };
  }

  it.each([
    ['/v1/budgets', { level: 'application' }, 'param_invalid_type', 'limit_usd', 'limit_usd is missing.'],
    ['/v1/budgets', { limit_usd: 1 }, 'param_invalid_type', 'level', 'level is missing.'],
    ['/v1/budgets', { level: 'application', limit_usd: null }, 'param_invalid_type', 'limit_usd', 'limit_usd must not be null.'],
    [
      '/v1/budgets',
      { level: 'application', limit_usd: '5' },
      'param_invalid_type',
      'limit_usd',
      'limit_usd must be a number conforming to the specified constraints.',
    ],
    ['/v1/budgets', { level: 'application', limit_usd: -1 }, 'param_out_of_range', 'limit_usd', 'limit_usd must not be less than 0.'],
    [
      '/v1/budgets',
      { level: 'application', limit_usd: 2e9 },
      'param_out_of_range',
      'limit_usd',
      'limit_usd must not be greater than 1000000000.',
    ],
    ['/v1/keys', {}, 'param_invalid_type', 'name', 'name is missing.'],
    ['/v1/keys', { name: null }, 'param_invalid_type', 'name', 'name must not be null.'],
    ['/v1/keys', { name: 5 }, 'param_invalid_type', 'name', 'name must be a string.'],
    ['/v1/keys', { name: '' }, 'param_out_of_range', 'name', 'name must be longer than or equal to 1 characters.'],
    ['/v1/keys', { name: 'n'.repeat(201) }, 'param_too_long', 'name', 'name must be shorter than or equal to 200 characters.'],
    ['/v1/keys', { name: 'k', rpm_limit: 'many' }, 'param_invalid_type', 'rpm_limit', 'rpm_limit must be an integer number.'],
    ['/v1/keys', { name: 'k', scopes: null }, 'param_invalid_type', 'scopes', 'scopes must not be null.'],
    ['/v1/keys', { name: 'k', cache: {} }, 'param_invalid_type', 'cache.ttl_seconds', 'cache.ttl_seconds is missing.'],
    ['/v1/keys', { name: 'k', cache: 'yes' }, 'param_invalid_type', 'cache', 'cache must be an object.'],
    ['/v1/keys', { name: 'k', allowed_models: 'openai/*' }, 'param_invalid_type', 'allowed_models', 'allowed_models must be an array.'],
    ['/v1/webhooks/endpoints', {}, 'param_invalid_type', 'url', 'url is missing.'],
    ['/v1/webhooks/endpoints', { url: 7 }, 'param_invalid_type', 'url', 'url must be a string.'],
    [
      '/v1/webhooks/endpoints',
      { url: 'https://example.com/', event_types: [] },
      'param_out_of_range',
      'event_types',
      'event_types should not be empty.',
    ],
    ['/v1/images/generations', { prompt: 'a boat' }, 'model_required', 'model', 'model is missing.'],
  ])('is true, and about what is wrong: %s %j', async (path, body, code, param, message) => {
    expect(await failure(path, body)).toEqual({ status: 400, code, param, message });
  });

  it.each([
    ['null', 'null'],
    ['[]', 'a list'],
    ['"text"', 'text'],
    ['7', '7'],
  ])('is not said where the body is no object: %s', async (body, noun) => {
    for (const path of ['/v1/keys', '/v1/budgets', '/v1/webhooks/endpoints']) {
      expect(await failure(path, body)).toEqual({
        status: 400,
        code: 'malformed_request',
        param: null,
        message: `The body must be a JSON object; it is ${noun}.`,
      });
    }
  });

  describe.each(INHERITED)('of the name %s', (name) => {
    it('is what is said about any unknown one', async () => {
      const member = JSON.stringify(name);
      for (const [path, body, param] of [
        ['/v1/keys', `{"name":"k",${member}:1}`, name],
        ['/v1/keys', `{"name":"k",${member}:{"polluted":true}}`, name],
        ['/v1/keys', `{"name":"k","cache":{"ttl_seconds":1,${member}:1}}`, `cache.${name}`],
        ['/v1/budgets', `{"level":"application","limit_usd":1,${member}:1}`, name],
        ['/v1/webhooks/endpoints', `{"url":"https://example.com/","event_types":["generation.failed"],${member}:1}`, name],
        ['/v1/images/cost', `{"model":"mock/paint","prompt":"x",${member}:1}`, name],
        ['/v1/quote', `{"model":"mock/paint","prompt":"x",${member}:1}`, name],
      ] as const) {
        expect([path, await failure(path, body)]).toMatchObject([path, { status: 400, code: 'param_unsupported', param }]);
      }
      expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    });

    it('is said in forms', async () => {
      const form = new FormData();
      for (const [field, value] of Object.entries({ model: 'mock/paint', prompt: 'x' })) form.append(field, value);
      form.append(name, '1');
      form.append('n', '1');
      expect(await failure('/v1/images/cost', form)).toMatchObject({ status: 400, code: 'param_unsupported', param: name });
    });

    it('is said in queries, and not in paths', async () => {
      for (const path of ['/v1/models', '/v1/generations', '/v1/videos', '/v1/logs', '/v1/keys', '/v1/budgets']) {
        const refused = failureOf(await client.send(`${path}?${name}=1`));
        expect([path, refused]).toMatchObject([path, { status: 400, code: 'param_unsupported', param: name }]);
      }
      for (const path of ['/v1/models', '/v1/generations', '/v1/videos', '/v1/keys', '/v1/budgets', '/v1/files']) {
        const missing = failureOf(await client.send(`${path}/${name}`));
        expect([path, missing.code]).toEqual([path, expect.stringMatching(/not_found$|^link_invalid$/)]);
      }
      expect(failureOf(await client.send(`/${name}`))).toMatchObject({ status: 404, code: 'route_not_found' });
    });

    it('is kept where names are free, or is refused by name', async () => {
      const metadata = JSON.parse(`{${JSON.stringify(name)}:"kept","other":"too"}`) as object;
      const json = await client.image({ model: 'mock/paint', prompt: 'x', size: '256x256', metadata });
      const form = new FormData();
      for (const [field, value] of Object.entries({ model: 'mock/paint', prompt: 'x', size: '256x256' })) form.append(field, value);
      form.append(`metadata[${name}]`, 'kept');
      form.append('metadata[other]', 'too');
      const inForm = await client.send('/v1/images/generations', { body: form });
      for (const [answer, param] of [
        [json, `metadata.${name}`],
        [inForm, `metadata[${name}]`],
      ] as const) {
        if (name === '__proto__') expect(failureOf(answer)).toMatchObject({ status: 400, code: 'param_unsupported', param });
        else {
          expect(answer.status, answer.text).toBe(200);
          const { metadata: kept } = await client.read<{ metadata: object }>(
            `/v1/generations/${answer.headers.get('x-litegen-generation-id')}`,
          );
          expect(Object.entries(kept)).toEqual(Object.entries(metadata));
        }
      }
    });
  });
});
