import { readdirSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makePng } from '@litegen/plugin-sdk/testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { createKey } from '../support/keys.js';
import { makeJpeg } from '../support/media-files.js';

const MASTER = 'a-master-key-for-uploads';
const BOUNDARY = 'litegen-boundary';

type Part = readonly [name: string, value: string | Buffer];

/** What is refused leaves nothing behind, wherever in the form the reason for it stands. */
describe.each(databases())('uploads on $name', ({ url }) => {
  const master = { authorization: `Bearer ${MASTER}` };
  let app: Awaited<ReturnType<typeof testApplication>>['app'];
  let directory: string;
  let keyed: { authorization: string };
  let pictures = 0;
  let small: Buffer;
  /** More than what never touches the disk before its name is known. */
  let large: Buffer;

  beforeAll(async () => {
    const made = await testApplication(url, { master_key: MASTER });
    app = made.app;
    directory = made.config.storage.path;
    ({ headers: keyed } = await createKey(app, master, { allowed_models: ['mock/paint'], scopes: 'generate,read' }));
  });
  beforeEach(() => {
    pictures += 1;
    small = makePng({ width: 10 + pictures, height: 10 });
    const picture = makeJpeg({ width: 200 + pictures, height: 200 });
    large = Buffer.concat([picture.subarray(0, -2), Buffer.alloc(300_000, pictures), picture.subarray(-2)]);
  });

  /** Everything in the store and on its way there. */
  function files(): string[] {
    return readdirSync(directory, { recursive: true })
      .map(String)
      .filter((name) => statSync(join(directory, name)).isFile());
  }

  function form(parts: readonly Part[]): Buffer {
    const pieces = parts.map(([name, value]) =>
      Buffer.concat([
        Buffer.from(
          `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${typeof value === 'string' ? '' : `; filename="a.png"\r\ncontent-type: image/png`}\r\n\r\n`,
        ),
        Buffer.from(value),
        Buffer.from('\r\n'),
      ]),
    );
    return Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)]);
  }

  const send = (path: string, parts: readonly Part[], headers: Record<string, string> = keyed) =>
    app.inject({
      method: 'POST',
      url: path,
      headers: { ...headers, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
      payload: form(parts),
    });

  const both = () => [['image', small] as const, ['image', large] as const];

  it.each<[string, string, number, readonly Part[]]>([
    [
      'a model that the key may not use',
      '/v1/images/edits',
      403,
      [
        ['model', 'mock/image-gen'],
        ['prompt', 'x'],
      ],
    ],
    [
      'a model that is not there',
      '/v1/images/edits',
      404,
      [
        ['model', 'mock/nothing'],
        ['prompt', 'x'],
      ],
    ],
    ['no model', '/v1/images/edits', 400, [['prompt', 'x']]],
    [
      'a wrong parameter',
      '/v1/images/edits',
      400,
      [
        ['model', 'mock/paint'],
        ['prompt', 'x'],
        ['n', 'many'],
      ],
    ],
    [
      'a parameter that nobody knows',
      '/v1/images/edits',
      400,
      [
        ['model', 'mock/paint'],
        ['prompt', 'x'],
        ['bogus', '1'],
      ],
    ],
    [
      'a wrong quote',
      '/v1/images/edits',
      422,
      [
        ['model', 'mock/paint'],
        ['prompt', 'x'],
      ],
    ],
    [
      'a video of a picture’s model',
      '/v1/videos',
      400,
      [
        ['model', 'mock/paint'],
        ['prompt', 'x'],
      ],
    ],
    [
      'a dry run',
      '/v1/images/edits?dryRun=true',
      200,
      [
        ['model', 'mock/paint'],
        ['prompt', 'x'],
      ],
    ],
    [
      'a wrong query',
      '/v1/images/edits?dryRun=perhaps',
      400,
      [
        ['model', 'mock/paint'],
        ['prompt', 'x'],
      ],
    ],
    [
      'a question for the price',
      '/v1/images/cost',
      200,
      [
        ['model', 'mock/paint'],
        ['prompt', 'x'],
      ],
    ],
  ])('leave nothing behind with %s', async (name, path, status, fields) => {
    const before = files();
    const video = path === '/v1/videos';
    const sent = video ? ([['input_reference', large]] as const) : both();
    const headers = name === 'a wrong quote' ? { ...keyed, 'x-litegen-quote': 'quote-never-was' } : keyed;
    for (const parts of [
      [...sent, ...fields],
      [...fields, ...sent],
    ]) {
      const answer = await send(path, parts, headers);
      expect([name, answer.statusCode, answer.body]).toEqual([name, status, expect.any(String)]);
      await until(() => files().length === before.length);
      expect(files()).toEqual(before);
    }
  });

  it('are in the store once they are admitted, and only the finished files', async () => {
    const before = files();
    const answer = await send('/v1/images/edits', [...both(), ['model', 'mock/paint'], ['prompt', 'a fox']]);
    expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
    const added = files().filter((name) => !before.includes(name));
    expect(added.every((name) => /^[0-9a-f]{2}\/[0-9a-f]{64}$/.test(name))).toBe(true);
    expect(added.length).toBeGreaterThanOrEqual(2);
  });

  it('are not stored again by a repetition', async () => {
    const parts: Part[] = [...both(), ['model', 'mock/paint'], ['prompt', 'a hare']];
    const headers = { ...keyed, 'idempotency-key': `once-${pictures}` };
    const first = await send('/v1/images/edits', parts, headers);
    const before = files();
    const again = await send('/v1/images/edits', parts, headers);
    expect([first.statusCode, again.statusCode, again.headers['idempotent-replayed']]).toEqual([200, 200, 'true']);
    expect(files()).toEqual(before);
  });

  it('are refused before the file is read where the model is named first, and gone when the client is', async () => {
    await app.listen(0, '127.0.0.1').catch(() => undefined);
    const { port } = app.getHttpServer().address() as AddressInfo;
    const before = files();
    const begin = (fields: readonly Part[]) => {
      const head = form([...fields, ['image', Buffer.alloc(0)]]).toString('latin1');
      const sent = httpRequest({
        port,
        host: '127.0.0.1',
        path: '/v1/images/edits',
        method: 'POST',
        headers: { ...keyed, 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, 'content-length': '1000000' },
      });
      sent.on('error', () => undefined);
      // The rest of the file never comes.
      sent.write(Buffer.from(head.slice(0, head.lastIndexOf('\r\n--')), 'latin1'));
      sent.write(large.subarray(0, 200_000));
      return sent;
    };
    const status = await new Promise((resolve) => {
      const sent = begin([
        ['model', 'mock/image-gen'],
        ['prompt', 'x'],
      ]);
      sent.on('response', (response) => {
        resolve(response.statusCode);
        sent.destroy();
      });
    });
    expect(status).toBe(403);
    const leaving = begin([
      ['model', 'mock/paint'],
      ['prompt', 'x'],
    ]);
    await until(() => files().length > before.length);
    leaving.destroy();
    await until(() => files().length === before.length);
  });
});
