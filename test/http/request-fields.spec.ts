import { makePng } from '@litegen/plugin-sdk/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';
import { Document, type Operation, type Schema } from './document.js';

const PICTURE = `data:image/png;base64,${makePng().toString('base64')}`;
const IMAGE = { model: 'mock/paint', prompt: 'a boat' };
const VIDEO = { model: 'mock/clip', prompt: 'a boat' };

/** For each operation with a body one that is taken, or refused for nothing that is in it. Who adds an operation adds a line. */
const BODIES: Readonly<Record<string, object>> = {
  createBudget: { level: 'user', limit_usd: 5 },
  patchBudget: {},
  createKey: { name: 'a key' },
  patchKey: {},
  rotateKey: {},
  resolveGeneration: { charged: 'no' },
  refundGeneration: { amount_usd: 0.01, reason: 'why not' },
  patchGeneration: { status: 'cancelled' },
  createWebhookEndpoint: { url: 'https://example.com/hook' },
  patchWebhookEndpoint: {},
  rotateWebhookSecret: {},
  redeliverWebhooks: {},
  generateImage: IMAGE,
  editImage: { ...IMAGE, images: [{ image_url: PICTURE }] },
  varyImage: { model: 'mock/variation', images: [{ image_url: PICTURE }] },
  estimateImageCost: IMAGE,
  createVideo: VIDEO,
  generateVideo: VIDEO,
  remixVideo: { prompt: 'a boat' },
  estimateVideoCost: VIDEO,
  createQuote: IMAGE,
};

/** Pictures within a body are as long as it may be. */
const MEDIA = /base64|`data:` URL/;

const NO_TIMES = [
  ...['20200101', '2030-W01-1', '2030-001', '2030-02-30', '2031-02-29', '2030-13-01', '2030-1-1', '2030', '1893456000', 'tomorrow', ''],
  ...['+275761-01-01T00:00:00Z', '275760-09-14T00:00:00Z', '-271821-04-19T00:00:00Z', '2030-01-01T24:00:00Z', '2030-01-01T00:00:60Z'],
  ...[' 2030-01-01', '2030-01-01T00:00:00Z ', '2030-01-01T00:00:00 02:00', '2030-01-01T00:00:00+25:00', '٢٠٣٠-٠١-٠١'],
];
const TIMES = [
  ['2031-01-02', '2031-01-02T00:00:00.000Z'],
  ['2031-06-01T10:00:00', '2031-06-01T10:00:00.000Z'],
  ['2031-06-01T10:00:00+02:00', '2031-06-01T08:00:00.000Z'],
  ['2032-02-29t10:00:00.5z', '2032-02-29T10:00:00.500Z'],
] as const;
/** Text that JavaScript would take for a number. */
const NO_NUMBERS = [
  '0x10',
  '0b1',
  ' 5',
  '5 ',
  '5.0',
  '1e2',
  '1e400',
  'Infinity',
  '-Infinity',
  'NaN',
  '',
  '٥',
  '５',
  '5,0',
  '5_0',
  '+5',
  '--5',
  '1.5',
];
const NO_WORDS = ['', ' ', 'COMPLETED', 'image ', '__proto__', 'constructor', 'toString', 'null', '0', '\u0000', 'video\u0000', 'İmage'];

/** JSON text whose numbers no `JSON.stringify` would write. */
const RAW = /"raw:([^"]*)"/g;

describe.each(databases())('what the document says of every field of every request, on $name', ({ url }) => {
  let app: NestFastifyApplication;
  let document: Document;
  const ids = { key: '', budget: '', endpoint: '', generation: '', video: '' };

  beforeAll(async () => {
    ({ app } = await testApplication(url));
    document = new Document(app);
    const made = async (path: string, body: object): Promise<string> =>
      (await send('POST', path, JSON.stringify(body))).body.id ?? expect.fail(`nothing was made at ${path}`);
    ids.key = await made('/v1/keys', { name: 'one' });
    ids.budget = await made('/v1/budgets', { level: 'key', period: 'day', limit_usd: 1 });
    ids.endpoint = await made('/v1/webhooks/endpoints', { url: 'https://example.com/one' });
    ids.video = await made('/v1/videos', { ...VIDEO, seconds: '1' });
    while ((await send('GET', `/v1/videos/${ids.video}`)).body['status'] !== 'completed')
      await new Promise((resolve) => setTimeout(resolve, 50));
    ids.generation = await made('/v1/videos', VIDEO);
  });

  interface Heard {
    readonly status: number;
    readonly body: Readonly<Record<string, unknown>> & {
      readonly id?: string;
      readonly error?: { readonly param: string; readonly code: string };
    };
  }

  async function send(method: string, path: string, payload?: string): Promise<Heard> {
    const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await app.inject({ method: method as 'POST', url: path, headers, ...(payload === undefined ? {} : { payload }) });
    return { status: answer.statusCode, body: answer.json() };
  }

  function pathOf({ id, path }: Operation): string {
    const own =
      id === 'remixVideo'
        ? ids.video
        : /Key/.test(id)
          ? ids.key
          : /Budget/.test(id)
            ? ids.budget
            : /Webhook/.test(id)
              ? ids.endpoint
              : ids.generation;
    const dry = /^\/v1\/(images|videos)\/?(generations|edits|variations|\{id\}\/remix)?$/.test(path) ? '?dryRun=true' : '';
    return `${path.replace('{id}', own)}${dry}`;
  }

  const isTime = (schema: Schema): boolean => document.alternatives(schema).some(({ format }) => format === 'date-time');

  /** Sends the operation's body with the change, in which `raw:…` stands for a number. */
  function sendBody(operation: Operation, change: object): Promise<Heard> {
    const text = JSON.stringify({ ...BODIES[operation.id], ...change }).replace(RAW, '$1');
    return send(operation.method, pathOf(operation), text);
  }

  /** Calls `each` for every field of every body of which `concerns` is true. */
  async function everyField(
    concerns: (schema: Schema, types: ReadonlySet<string>) => boolean,
    each: (operation: Operation, path: string, put: (value: unknown) => object, schema: Schema) => Promise<void>,
  ): Promise<number> {
    let seen = 0;
    for (const operation of document.operations) {
      if (operation.body === undefined) continue;
      for (const { path, put, schema } of document.fields(operation.body)) {
        if (!concerns(schema, document.types(schema))) continue;
        seen += 1;
        await each(operation, path, put, schema);
      }
    }
    return seen;
  }

  const refusal = (param: string) => ({
    status: 400,
    body: { error: { param, code: expect.stringMatching(/^(param_|(model|prompt)_required)/) } },
  });

  it('knows a body for every operation that takes one', () => {
    const withBodies = document.operations.filter(({ body }) => body !== undefined).map(({ id }) => id);
    expect(Object.keys(BODIES).sort()).toEqual(withBodies.sort());
  });

  it('takes those bodies as they are', async () => {
    for (const operation of document.operations) {
      if (operation.body === undefined) continue;
      const { status, body } = await sendBody(operation, {});
      expect([200, 201, 409], `${operation.id}: ${JSON.stringify(body)}`).toContain(status);
    }
  });

  it('refuses null by name unless it is allowed, and then takes it', { timeout: 120_000 }, async () => {
    const seen = await everyField(
      () => true,
      async (operation, path, put, schema) => {
        const { status, body } = await sendBody(operation, put(null));
        const place = `${operation.id} ${path}: ${JSON.stringify(body)}`;
        if (!document.types(schema).has('null')) expect({ status, body }, place).toMatchObject(refusal(path));
        // It counts as absent there, and then the model or the object around it may miss it.
        else if (status !== 409 && status >= 300) {
          expect(status, place).toBe(400);
          if (body.error?.param === path) expect(body.error.code, place).toMatch(/_required$/);
        }
      },
    );
    expect(seen).toBeGreaterThan(150);
  });

  it('takes a time exactly or not at all', { timeout: 120_000 }, async () => {
    const seen = await everyField(isTime, async (operation, path, put) => {
      for (const text of NO_TIMES)
        expect(await sendBody(operation, put(text)), `${operation.id} ${path} ${text}`).toMatchObject(refusal(path));
      for (const [text, iso] of TIMES) {
        const { status, body } = await sendBody(operation, put(text));
        expect(status, `${operation.id} ${path} ${text}: ${JSON.stringify(body)}`).toBeLessThan(300);
        if (path in body) expect(body[path]).toBe(iso);
      }
    });
    expect(seen).toBeGreaterThanOrEqual(4);
  });

  it('takes a number exactly or not at all', { timeout: 120_000 }, async () => {
    const seen = await everyField(
      (_schema, types) => (types.has('integer') || types.has('number')) && !types.has('string') && !types.has('object'),
      async (operation, path, put, schema) => {
        const broken = document.types(schema).has('integer') ? ['raw:1.5', 'raw:9007199254740993', 'raw:1e300'] : [];
        for (const value of [...broken, 'raw:1e400', 'raw:-1e400', '5', '', true, [1], {}]) {
          const heard = await sendBody(operation, put(value));
          expect(heard, `${operation.id} ${path} ${JSON.stringify(value)}: ${JSON.stringify(heard.body)}`).toMatchObject({
            status: 400,
            body: { error: { param: path } },
          });
        }
        const { status, body } = await sendBody(operation, put('raw:1.0e0'));
        if (status < 300 && path in body) expect(body[path], `${operation.id} ${path}`).toBe(1);
      },
    );
    expect(seen).toBeGreaterThan(40);
  });

  it('takes no word that only looks like one of its own', { timeout: 120_000 }, async () => {
    const seen = await everyField(
      ({ enum: words }) => words !== undefined,
      async (operation, path, put) => {
        for (const word of [...NO_WORDS, 5, {}, ['__proto__']]) {
          expect(await sendBody(operation, put(word)), `${operation.id} ${path} ${JSON.stringify(word)}`).toMatchObject({
            status: 400,
            body: { error: { param: expect.stringContaining(path) } },
          });
        }
      },
    );
    expect(seen).toBeGreaterThan(10);
  });

  it('says how long every text may be, and means it', { timeout: 120_000 }, async () => {
    const seen = await everyField(
      (schema, types) => types.has('string') && !isTime(schema) && !MEDIA.test(schema.description ?? ''),
      async (operation, path, put, schema) => {
        const texts = document
          .alternatives(schema)
          .filter(({ type, enum: words }) => [type ?? []].flat().includes('string') && words === undefined);
        for (const { maxLength } of texts) {
          expect(maxLength ?? Number.POSITIVE_INFINITY, `${operation.id} ${path}`).toBeLessThanOrEqual(65_536);
          const heard = await sendBody(operation, put('é'.repeat((maxLength ?? 0) + 1)));
          expect(heard, `${operation.id} ${path}`).toMatchObject({ status: 400, body: { error: { param: path } } });
        }
      },
    );
    expect(seen).toBeGreaterThan(50);
  });

  it('says how large every object of the caller’s own may be, and means it', { timeout: 120_000 }, async () => {
    const seen = await everyField(
      ({ additionalProperties }) => additionalProperties === true,
      async (operation, path, put, schema) => {
        const most = schema['x-max-bytes'] ?? 0;
        expect(most, `${operation.id} ${path}`).toBeGreaterThan(0);
        expect(schema.description).toContain(String(most));
        const object = (bytes: number): object => ({ a: { b: ['é'.repeat((bytes - 16) / 2)] } });
        expect(Buffer.byteLength(JSON.stringify(object(most)))).toBe(most);
        const heard = await sendBody(operation, put(object(most + 2)));
        expect(heard, `${operation.id} ${path}`).toMatchObject({ status: 400, body: { error: { code: 'param_too_long', param: path } } });
        const fitting = await sendBody(operation, { strict: false, ...put(object(most)) });
        expect(fitting.status, `${operation.id} ${path}: ${JSON.stringify(fitting.body)}`).toBe(200);
      },
    );
    expect(seen).toBeGreaterThanOrEqual(12);
  });

  it('takes no text that a database cannot store, wherever it stands', { timeout: 120_000 }, async () => {
    const seen = await everyField(
      (_schema, types) => types.has('string') || types.has('object') || types.has('array'),
      async (operation, path, put, schema) => {
        const types = document.types(schema);
        for (const text of ['a\0b', 'half \ud83d', '\udca9']) {
          const values: [unknown, string][] = [
            ...(types.has('string') ? [[text, path] as [unknown, string]] : []),
            ...(types.has('array') ? [[[text], `${path}[0]`] as [unknown, string]] : []),
            ...(types.has('object')
              ? [[{ a: [{ b: text }] }, `${path}.a[0].b`] as [unknown, string], [{ [text]: 1 }, path] as [unknown, string]]
              : []),
          ];
          for (const [value, param] of values) {
            const heard = await sendBody(operation, put(value));
            expect(heard, `${operation.id} ${JSON.stringify(value)}`).toMatchObject({
              status: 400,
              body: { error: { param: expect.stringContaining(param), code: 'param_invalid_text' } },
            });
          }
        }
      },
    );
    expect(seen).toBeGreaterThan(100);
  });

  it('finds nothing by an id that no database stores', async () => {
    const withIds = document.operations.filter(({ path }) => /\{id\}/.test(path));
    expect(withIds.length).toBeGreaterThan(20);
    for (const operation of withIds) {
      const payload = operation.body === undefined ? undefined : JSON.stringify(BODIES[operation.id]);
      for (const id of ['a%00b', '%00', 'a%00']) {
        const { status, body } = await send(operation.method, operation.path.replace('{id}', id), payload);
        expect([status, body.error?.code], `${operation.id} ${id}`).toEqual([404, expect.stringMatching(/not_found$/)]);
      }
    }
  });

  describe('and of every query', () => {
    async function refuse(operation: Operation, name: string, value: string): Promise<void> {
      const heard = await send(operation.method, `${pathOf(operation).split('?')[0]}?${name}=${encodeURIComponent(value)}`);
      expect(heard, `${operation.id} ${name}=${JSON.stringify(value)}`).toMatchObject({ status: 400, body: { error: { param: name } } });
    }

    /** Queries of lists; a file's link is signed as a whole. */
    function queries(concerns: (schema: Schema, name: string) => boolean): [Operation, string][] {
      return document.operations
        .filter(({ method, path }) => method === 'GET' && !/^\/v1\/files\/|\/content$/.test(path))
        .flatMap((operation) =>
          operation.query.filter(({ name, schema }) => concerns(schema, name)).map(({ name }) => [operation, name] as [Operation, string]),
        );
    }

    it('reads whole numbers in decimal digits', async () => {
      const found = queries(({ type }) => type === 'integer');
      expect(found.length).toBeGreaterThanOrEqual(9);
      for (const [operation, name] of found) for (const value of NO_NUMBERS) await refuse(operation, name, value);
    });

    it('reads times as bodies do', async () => {
      const found = queries(isTime);
      expect(found.length).toBeGreaterThanOrEqual(4);
      for (const [operation, name] of found) {
        for (const value of NO_TIMES) await refuse(operation, name, value);
        for (const [value] of TIMES) {
          const { status } = await send('GET', `${pathOf(operation)}?${name}=${encodeURIComponent(value)}`);
          expect(status, `${operation.id} ${name}=${value}`).toBe(200);
        }
      }
    });

    it('knows no other words than those it lists', async () => {
      const found = queries(({ enum: words }) => words !== undefined);
      expect(found.length).toBeGreaterThanOrEqual(8);
      for (const [operation, name] of found) for (const value of NO_WORDS) await refuse(operation, name, value);
    });

    it('takes no text that a database cannot store', async () => {
      const found = queries(({ type }) => type === 'string');
      expect(found.length).toBeGreaterThan(10);
      for (const [operation, name] of found) for (const value of ['\0', 'a\0b']) await refuse(operation, name, value);
    });

    it('refuses a parameter that is there twice', async () => {
      for (const [operation, name] of queries(() => true)) {
        const { status, body } = await send('GET', `${pathOf(operation).split('?')[0]}?${name}=1&${name}=2`);
        expect([status, body.error?.param], `${operation.id} ${name}`).toEqual([400, name]);
      }
    });
  });
});
