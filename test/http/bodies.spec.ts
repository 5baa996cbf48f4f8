import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { makePng } from '@litegen/plugin-sdk/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { sqliteDatabase } from '../support/databases.js';

const BODY_LIMIT_BYTES = 400_000;
const UPLOAD_LIMIT_BYTES = 300_000;

describe('bodies that are not what they seem', () => {
  const { url } = sqliteDatabase();
  let app: NestFastifyApplication;
  beforeAll(async () => {
    ({ app } = await testApplication(url, { server: { body_limit_bytes: BODY_LIMIT_BYTES, upload_limit_bytes: UPLOAD_LIMIT_BYTES } }));
  });

  interface Heard {
    readonly status: number;
    readonly error?: { readonly code: string; readonly param: string; readonly message: string; readonly accepted?: readonly string[] };
    /** What the vendor was asked for. */
    readonly prompt?: string;
    readonly headers: Readonly<Record<string, unknown>>;
  }

  async function send(payload: Buffer, headers: Record<string, string>, path = '/v1/images/generations'): Promise<Heard> {
    const answer = await app.inject({ method: 'POST', url: path, headers, payload });
    const id = answer.headers['x-litegen-generation-id'];
    if (id === undefined) return { status: answer.statusCode, headers: answer.headers, ...answer.json<{ error?: Heard['error'] }>() };
    const generation = await app.inject({ url: `/v1/generations/${String(id)}` });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      prompt: generation.json<{ request: { prompt: string } }>().request.prompt,
    };
  }

  const sendJson = (payload: Buffer, charset?: string, headers: Record<string, string> = {}): Promise<Heard> =>
    send(payload, { 'content-type': `application/json${charset === undefined ? '' : `; charset=${charset}`}`, ...headers });

  const body = (prompt: string): string => JSON.stringify({ model: 'mock/paint', prompt, size: '256x256' });
  const PROMPT = 'ein Bär über Wasser';

  describe('text', () => {
    it.each([
      ['UTF-8', Buffer.from(body('Bär 熊 🐻 \uFFFD')), undefined, 'Bär 熊 🐻 \uFFFD'],
      ['UTF-8, by name', Buffer.from(body(PROMPT)), 'UTF-8', PROMPT],
      ['UTF-8 behind a byte-order mark', Buffer.from(`\uFEFF${body(PROMPT)}`), undefined, PROMPT],
      ['UTF-16, little-endian', Buffer.from(body('Bär 熊 🐻'), 'utf16le'), 'utf-16le', 'Bär 熊 🐻'],
      ['UTF-16, big-endian', Buffer.from(body('Bär 熊 🐻'), 'utf16le').swap16(), '"utf-16be"', 'Bär 熊 🐻'],
      ['UTF-16 that says its order by its mark', Buffer.from(`\uFEFF${body(PROMPT)}`, 'utf16le').swap16(), 'utf-16', PROMPT],
      ['Latin-1', Buffer.from(body(PROMPT), 'latin1'), 'iso-8859-1', PROMPT],
      ['Windows-1252', Buffer.from(body('5 \x80 \x93so\x94'), 'latin1'), 'windows-1252', '5 € “so”'],
      [
        'Shift JIS',
        Buffer.concat([Buffer.from('{"model":"mock/paint","size":"256x256","prompt":"'), Buffer.from([0x8c, 0x46]), Buffer.from('"}')]),
        'shift_jis',
        '熊',
      ],
      ['an escaped pair of surrogates', Buffer.from(body('x').replace('"x"', '"\\ud83d\\udc3b"')), undefined, '🐻'],
    ])('reads %s', async (_name, payload, charset, prompt) => {
      expect(await sendJson(payload, charset)).toMatchObject({ status: 200, prompt });
    });

    it.each([
      ['Latin-1 that calls itself nothing', Buffer.from(body(PROMPT), 'latin1'), undefined, 'content-type'],
      ['UTF-8 that breaks off', Buffer.from(body('x').replace('x', '\xe2\x82'), 'latin1'), 'utf-8', 'content-type'],
      ['an encoded surrogate', Buffer.from(body('x').replace('x', '\xed\xa0\x80'), 'latin1'), undefined, 'content-type'],
      ['an overlong U+0000', Buffer.from(body('x').replace('x', '\xc0\x80'), 'latin1'), undefined, 'content-type'],
      ['half a pair in UTF-16', Buffer.from(body('x').replace('x', '\ud83d'), 'utf16le'), 'utf-16le', 'content-type'],
      ['a byte too many in UTF-16', Buffer.concat([Buffer.from(body('x'), 'utf16le'), Buffer.of(0)]), 'utf-16le', 'content-type'],
      ['a charset that there is not', Buffer.from(body('x')), 'utf-5', 'content-type'],
      ['UTF-7', Buffer.from(body('x')), 'utf-7', 'content-type'],
      ['a charset that is none', Buffer.from(body('x')), 'x-user-defined', 'content-type'],
      ['two charsets', Buffer.from(body('x')), 'utf-8; charset=iso-8859-1', 'content-type'],
    ])('refuses %s', async (_name, payload, charset, param) => {
      expect(await sendJson(payload, charset)).toMatchObject({ status: 400, error: { code: 'invalid_encoding', param } });
    });

    it('names the charset', async () => {
      const { error } = await sendJson(Buffer.from(body('x')), 'utf-5');
      expect(error?.message).toContain('unsupported charset "utf-5"');
      expect(error?.accepted).toContain('utf-8');
    });
  });

  describe('JSON', () => {
    it.each([
      ['101 levels of lists', `${'['.repeat(101)}${']'.repeat(101)}`],
      ['5,000 levels of lists', `${'['.repeat(5000)}${']'.repeat(5000)}`],
      ['5,000 levels of objects', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
      ['levels without an end', '[{"a":'.repeat(10_000)],
      ['50,001 values', `[${'0,'.repeat(50_000)}0]`],
    ])('of %s is refused', async (_name, text) => {
      const deep = await sendJson(Buffer.from(`{"model":"mock/paint","prompt":"x","metadata":{"deep":${text}}}`));
      expect(deep).toMatchObject({ status: 400, error: { code: 'invalid_json' } });
      expect((await sendJson(Buffer.from(text))).status).toBe(400);
      const form = new FormParts().text('model', 'mock/paint').text('prompt', 'x').text('metadata', `{"deep":${text}}`);
      expect(await form.send(send)).toMatchObject({ status: 400 });
      const document = new FormParts().text(
        'request',
        `{"model":"mock/paint","prompt":"x","metadata":{"deep":${text}}}`,
        'application/json',
      );
      expect(await document.send(send)).toMatchObject({ status: 400, error: { code: 'malformed_request', param: 'request' } });
    });

    it('may have brackets, quotes and backslashes in its texts', async () => {
      const text = `${'['.repeat(200)}"\\\\${'\\"{'.repeat(200)}\\`;
      expect(await sendJson(Buffer.from(body(text)))).toMatchObject({ status: 200, prompt: text });
    });

    it.each(['1e400', '-1e400', '1E+309', `1${'0'.repeat(400)}`])('has no number %s, wherever it stands', async (number) => {
      const answer = await sendJson(Buffer.from(`{"model":"mock/paint","prompt":"x","metadata":{"a":[1,${number}]}}`));
      expect(answer).toMatchObject({ status: 400, error: { code: 'param_out_of_range', param: 'metadata.a[1]' } });
    });

    it.each([
      ['9007199254740993', 'seed', '{"seed":9007199254740993}'],
      ['-9007199254740993', 'metadata.a[1]', '{"metadata":{"b":"9007199254740993","a":["\\"5",-9007199254740993]}}'],
      ['18446744073709551615', 'extra.id', '{"extra":{"id":18446744073709551615}}'],
    ])('keeps %s of %s exactly or refuses it as it was sent', async (number, param, fields) => {
      const answer = await sendJson(Buffer.from(`{"model":"mock/paint","prompt":"x",${fields.slice(1)}`));
      const message = expect.stringContaining(`${param} is ${number}, which`);
      expect(answer).toMatchObject({ status: 400, error: { code: 'param_out_of_range', param, message } });
    });

    it.each(['9007199254740991', '-9007199254740991', '9007199254740992', '1e20', '1.12345678901234567890'])('keeps %s', async (number) => {
      const answer = await sendJson(Buffer.from(`{"model":"mock/paint","prompt":"x","metadata":{"a":[1,${number}]}}`));
      expect(answer).toMatchObject({ status: 200 });
    });

    it.each(['{"__proto__":1}', '{"constructor":{"prototype":1}}', '{"\\u005f_proto__":1}'])('has no prototype: %s', async (text) => {
      const answer = await sendJson(Buffer.from(`{"model":"mock/paint","prompt":"x","metadata":{"a":${text}}}`));
      expect(answer).toMatchObject({ status: 400, error: { code: 'param_unsupported', param: expect.stringContaining('metadata.a.') } });
    });
  });

  describe('codings', () => {
    const plain = Buffer.from(body(PROMPT));

    it.each([
      ['gzip', gzipSync(plain)],
      ['x-gzip', gzipSync(plain)],
      ['deflate', deflateSync(plain)],
      ['br', brotliCompressSync(plain)],
      ['GZIP', gzipSync(plain)],
      ['identity', plain],
      ['deflate, gzip', gzipSync(deflateSync(plain))],
      ['gzip, identity', gzipSync(plain)],
    ])('%s is undone', async (coding, payload) => {
      expect(await sendJson(payload, undefined, { 'content-encoding': coding })).toMatchObject({ status: 200, prompt: PROMPT });
    });

    it.each(['compress', 'lzma', 'aws-chunked', 'gzip, gzip, gzip', 'utf-8'])('%s is refused by name', async (coding) => {
      const answer = await sendJson(plain, undefined, { 'content-encoding': coding });
      expect(answer).toMatchObject({ status: 415, error: { code: 'unsupported_media_type', param: 'content-encoding' } });
      expect(answer.error?.accepted).toContain('gzip');
      expect(answer.headers['accept-encoding']).toContain('gzip');
    });

    it.each([
      ['gzip', plain],
      ['gzip', gzipSync(plain).subarray(0, 40)],
      ['deflate', gzipSync(plain)],
      ['br', plain],
      ['br', brotliCompressSync(plain).subarray(0, 20)],
      ['gzip', Buffer.of(0x1f, 0x8b)],
    ])('%s that is broken is named', async (coding, payload) => {
      const answer = await sendJson(payload, undefined, { 'content-encoding': coding });
      expect(answer).toMatchObject({ status: 400, error: { code: 'invalid_encoding', param: 'content-encoding' } });
    });

    it.each([
      ['gzip', gzipSync(Buffer.alloc(50_000_000, 0x20))],
      ['br', brotliCompressSync(Buffer.alloc(50_000_000, 0x20))],
      ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(50_000_000, 0x20)))],
    ])('a bomb of %s is too large', async (coding, payload) => {
      expect(payload.length).toBeLessThan(BODY_LIMIT_BYTES);
      const answer = await sendJson(payload, undefined, { 'content-encoding': coding });
      expect(answer).toMatchObject({ status: 413, error: { code: 'body_too_large' } });
    });

    it('a form is undone as well, and no larger for it', async () => {
      const form = (text: string) => new FormParts().text('model', 'mock/paint').text('prompt', text).file('image', makePng());
      expect(await form(PROMPT).send(send, '/v1/images/edits', 'gzip', gzipSync)).toMatchObject({ status: 200, prompt: PROMPT });
      const bomb = await form(' '.repeat(1_000_000)).send(send, '/v1/images/edits', 'gzip', gzipSync);
      expect(bomb).toMatchObject({ status: 413, error: { code: 'body_too_large' } });
      const broken = await form(PROMPT).send(send, '/v1/images/edits', 'gzip', (bytes) => gzipSync(bytes).subarray(0, 100));
      expect(broken.status).toBe(400);
      expect(await form(PROMPT).send(send, '/v1/images/edits', 'lzma', (bytes) => bytes)).toMatchObject({ status: 415 });
    });
  });

  describe('forms', () => {
    it.each([
      ['a text that is no UTF-8', new FormParts().text('prompt', Buffer.from(PROMPT, 'latin1')), 'invalid_encoding', 'prompt'],
      [
        'a document that is no UTF-8',
        new FormParts().text('request', Buffer.from(body(PROMPT), 'latin1'), 'application/json'),
        'invalid_encoding',
        'content-type',
      ],
      ['a text with U+0000', new FormParts().text('prompt', 'a\0b'), 'param_invalid_text', 'prompt'],
      ['U+0000 within JSON', new FormParts().text('metadata', '{"a":["\\u0000"]}'), 'param_invalid_text', 'metadata.a[0]'],
      ['a name with U+0000', new FormParts().text('me\0ta', 'x'), 'malformed_multipart', 'me\\u0000ta'],
      ['a name that is no UTF-8', new FormParts().text(Buffer.from('größe', 'latin1'), 'x'), 'malformed_multipart', 'gr\uFFFD\uFFFDe'],
      ['no name', new FormParts().raw('Content-Disposition: form-data', 'x'), 'malformed_multipart', null],
      [
        'a text in base64',
        new FormParts().raw('Content-Disposition: form-data; name="prompt"\r\nContent-Transfer-Encoding: base64', 'eA=='),
        'malformed_multipart',
        'prompt',
      ],
      ['a number of too many digits', new FormParts().text('seed', '9007199254740993'), 'param_out_of_range', 'seed'],
      ['a number beyond all', new FormParts().text('guidance_scale', '1e400'), 'param_out_of_range', 'guidance_scale'],
    ])('refuses %s', async (_name, form, code, param) => {
      const answer = await form.text('model', 'mock/paint').text('size', '256x256').send(send);
      expect(answer).toMatchObject({ status: 400, error: { code, param } });
    });

    it.each([
      ['UTF-8', new FormParts().text('prompt', PROMPT)],
      [
        'Latin-1 that says so',
        new FormParts().raw(
          'Content-Disposition: form-data; name="prompt"\r\nContent-Type: text/plain; charset=iso-8859-1',
          Buffer.from(PROMPT, 'latin1'),
        ),
      ],
      ['a string of JSON', new FormParts().text('prompt', JSON.stringify(PROMPT), 'application/json')],
    ])('reads %s', async (_name, form) => {
      expect(await form.text('model', 'mock/paint').text('size', '256x256').send(send)).toMatchObject({ status: 200, prompt: PROMPT });
    });
  });
});

type Send = (payload: Buffer, headers: Record<string, string>, path?: string) => Promise<{ status: number }>;

/** A form that need not be well made. */
class FormParts {
  private readonly parts: Buffer[] = [];

  raw(headers: string | Buffer, content: string | Buffer): this {
    this.parts.push(
      Buffer.concat([Buffer.from('--limit\r\n'), Buffer.from(headers), Buffer.from('\r\n\r\n'), Buffer.from(content), Buffer.from('\r\n')]),
    );
    return this;
  }

  text(name: string | Buffer, content: string | Buffer, type?: string): this {
    const head = [Buffer.from('Content-Disposition: form-data; name="'), Buffer.from(name), Buffer.from('"')];
    return this.raw(Buffer.concat([...head, Buffer.from(type === undefined ? '' : `\r\nContent-Type: ${type}`)]), content);
  }

  file(name: string, content: Buffer): this {
    return this.raw(`Content-Disposition: form-data; name="${name}"; filename="a.png"\r\nContent-Type: image/png`, content);
  }

  async send<T extends Send>(
    send: T,
    path?: string,
    coding?: string,
    encode: (bytes: Buffer) => Buffer = (bytes) => bytes,
  ): Promise<Awaited<ReturnType<T>>> {
    const headers = {
      'content-type': 'multipart/form-data; boundary=limit',
      ...(coding === undefined ? {} : { 'content-encoding': coding }),
    };
    const bytes = encode(Buffer.concat([...this.parts, Buffer.from('--limit--\r\n')]));
    return (await send(bytes, headers, path)) as Awaited<ReturnType<T>>;
  }
}
