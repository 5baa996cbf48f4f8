import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';

const MASTER = 'a-master-key-for-the-document';
const GENERATIONS = ['/v1/images/generations', '/v1/images/edits', '/v1/videos', '/v1/videos/generations'];
const PICTURE = { model: 'mock/paint', prompt: 'a red fox', size: '256x256' };
const CLIP = { model: 'mock/clip', prompt: 'a red fox', seconds: '1', size: '320x180' };

interface Answer {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

interface Operation {
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly parameters?: readonly { readonly name: string; readonly schema: object }[];
  readonly responses: Readonly<Record<string, Answer>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly additionalProperties?: unknown }>>;
    readonly responses: Readonly<Record<string, Answer>>;
    readonly securitySchemes: object;
  };
}

const [sqlite] = databases();

describe('the OpenAPI document is true', () => {
  let app: NestFastifyApplication;
  let document: Document;
  let ajv: Ajv2020;

  beforeAll(async () => {
    ({ app } = await testApplication(sqlite?.url ?? '', { master_key: MASTER, engine: { tick_ms: 50 } }));
    document = (await app.inject({ url: '/openapi.json' })).json();
    ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ $id: 'litegen', components: document.components });
  });

  const operation = (method: string, path: string): Operation => document.paths[path]?.[method.toLowerCase()] as Operation;

  function answerOf({ responses }: Operation, status: number): Answer | undefined {
    const answer = responses[status];
    return answer?.$ref === undefined ? answer : document.components.responses[answer.$ref.split('/').at(-1) as string];
  }

  /** Why a value is none that the document says, or undefined. */
  function problemOf(value: unknown, schema: object | undefined): string | undefined {
    if (schema === undefined) return 'not in the document';
    const text = JSON.stringify(schema).replaceAll('"#/', '"litegen#/');
    return ajv.validate(JSON.parse(text) as object, value) ? undefined : ajv.errorsText();
  }

  async function send(method: 'GET' | 'POST' | 'PATCH', url: string, payload?: unknown, headers: object = {}) {
    const json = payload === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${MASTER}`, ...json, ...headers },
      ...(payload === undefined ? {} : { payload: JSON.stringify(payload) }),
    });
    return { status: answer.statusCode, type: String(answer.headers['content-type']).split(';')[0] as string, text: answer.body };
  }

  /** Sends a request, and looks its answer up in the document. */
  async function checked(method: 'GET' | 'POST' | 'PATCH', url: string, payload?: unknown, headers: object = {}, path = url.split('?')[0]) {
    const answer = await send(method, url, payload, headers);
    const described = answerOf(operation(method, path as string), answer.status)?.content?.[answer.type]?.schema;
    return { status: answer.status, problem: problemOf(JSON.parse(answer.text), described) };
  }

  it.each(GENERATIONS)('%s: an Idempotency-Key of another request is a described 422', async (path) => {
    const body = path.includes('images') ? { ...PICTURE, ...(path.endsWith('edits') ? { image: PNG } : {}) } : CLIP;
    const key = { 'idempotency-key': `document-${path}`, prefer: 'respond-async' };
    expect(await checked('POST', path, body, key)).toEqual({ status: 202, problem: undefined });
    expect(await checked('POST', path, { ...body, prompt: 'another' }, key)).toEqual({ status: 422, problem: undefined });
  });

  it.each(GENERATIONS)('%s: the answer to a dry run is described', async (path) => {
    const body = path.includes('images') ? { ...PICTURE, ...(path.endsWith('edits') ? { image: PNG } : {}) } : CLIP;
    expect(await checked('POST', `${path}?dryRun=true`, body)).toEqual({ status: 200, problem: undefined });
    expect((await send('POST', `${path}?dryRun=true`, body, { 'idempotency-key': 'two words' })).status).toBe(400);
  });

  it.each(['/v1/images/generations', '/v1/images/edits'])('%s: so are its events', async (path) => {
    const edit = path.endsWith('edits') ? { image: PNG } : {};
    const { status, type, text } = await send('POST', path, { ...PICTURE, ...edit, stream: true, partial_images: 1 });
    expect([status, type]).toEqual([200, 'text/event-stream']);
    const event = answerOf(operation('POST', path), 200)?.content?.['text/event-stream']?.schema as {
      readonly properties: { readonly data: { readonly contentSchema: object } };
    };
    const data = text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [JSON.parse(line.slice(6)) as object] : []));
    expect(data.map((one) => problemOf(one, event.properties.data.contentSchema))).toEqual([undefined, undefined]);
  });

  it('a file that is not there is told in JSON', async () => {
    const path = '/v1/videos/{id}/content';
    expect(await checked('GET', '/v1/videos/none/content', undefined, {}, path)).toEqual({ status: 404, problem: undefined });
    expect(await checked('GET', '/v1/videos/none/content', undefined, { authorization: '' }, path)).toEqual({
      status: 401,
      problem: undefined,
    });
  });

  it('pages outside the bounds are taken, as their description says', async () => {
    const { parameters = [] } = operation('GET', '/v1/generations');
    for (const name of ['page', 'per_page']) {
      const schema = parameters.find((parameter) => parameter.name === name)?.schema;
      expect([problemOf(0, schema), problemOf(5_000_000, schema)]).toEqual([undefined, undefined]);
      expect(await checked('GET', `/v1/generations?${name}=0`)).toEqual({ status: 200, problem: undefined });
      expect(await checked('GET', `/v1/generations?${name}=5000000`)).toEqual({ status: 200, problem: undefined });
    }
  });

  it('bodies that may hold nothing else are closed, and may be absent where nothing must be in them', async () => {
    const { schemas } = document.components;
    const closed = Object.keys(schemas).filter((name) => schemas[name]?.additionalProperties === false);
    expect(closed.sort()).toEqual([
      'ApiKeyCache',
      'CreateApiKeyRequest',
      'CreateBudgetRequest',
      'CreateEndpointRequest',
      'ImageReference',
      'ImageUrl',
      'PatchApiKeyRequest',
      'PatchBudgetRequest',
      'PatchEndpointRequest',
      'PatchGenerationRequest',
      'RedeliverRequest',
      'ReferenceImage',
      'RefundGenerationRequest',
      'ResolveGenerationRequest',
      'RotateApiKeyRequest',
      'RotateSecretRequest',
    ]);
    const { id } = JSON.parse((await send('POST', '/v1/keys', { name: 'k' })).text) as { readonly id: string };
    expect(operation('PATCH', '/v1/keys/{id}').requestBody?.required).toBe(false);
    expect(operation('POST', '/v1/keys').requestBody?.required).toBe(true);
    const patch = (body?: unknown) => checked('PATCH', `/v1/keys/${id}`, body, {}, '/v1/keys/{id}');
    expect(await patch()).toEqual({ status: 200, problem: undefined });
    for (const body of [null, [], 'text', 1]) expect(await patch(body)).toEqual({ status: 400, problem: undefined });
    expect(await patch({ other: 1 })).toEqual({ status: 400, problem: undefined });
  });

  it.each(GENERATIONS)('%s: an empty model is none, here as there', async (path) => {
    const { ['application/json']: json } = operation('POST', path).requestBody?.content ?? {};
    expect(problemOf({ model: '', prompt: 'a red fox' }, json?.schema)).toContain('fewer than 1');
    const { status, text } = await send('POST', path, { model: '', prompt: 'a red fox' });
    expect([status, JSON.parse(text)]).toMatchObject([400, { error: { code: 'model_required', param: 'model' } }]);
  });

  it('Azure’s header is a way to show the key', async () => {
    expect(document.components.securitySchemes).toMatchObject({ 'api-key': { type: 'apiKey', in: 'header', name: 'api-key' } });
    expect((await send('GET', '/v1/models', undefined, { authorization: '', 'api-key': MASTER })).status).toBe(200);
  });
});

const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';
