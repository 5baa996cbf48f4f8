import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { makePng } from '@litegen/plugin-sdk/testing';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { FastifyReply } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AssetsRepository } from '../../domain/storage/assets.repository.js';
import { BlobStore } from '../../domain/storage/blob-store.js';
import { LinkSigner } from '../../domain/storage/links.js';
import { LocalBlobStore } from '../../domain/storage/local-blob-store.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, configSchema } from '../../platform/config/index.js';
import { InstanceSecrets } from '../../platform/database/index.js';
import { FilesController } from './files.controller.js';

@Catch(ApiError)
class Envelope implements ExceptionFilter<ApiError> {
  catch(error: ApiError, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    reply.code(error.status).headers(error.toHeaders()).send(error.toBody());
  }
}

/** Remembers its streams, so that a test sees whether they were closed. */
class WatchedStore extends LocalBlobStore {
  readonly streams: Readable[] = [];
  override async read(...parameters: Parameters<LocalBlobStore['read']>): Promise<Readable> {
    const stream = await super.read(...parameters);
    this.streams.push(stream);
    return stream;
  }
}

describe('GET /v1/files/{id}', () => {
  let root: string;
  let store: WatchedStore;
  let app: NestFastifyApplication;
  let links: LinkSigner;
  const known = new Map<string, { id: string; sha256: string; contentType: string; bytes: number }>();

  const add = async (id: string, data: Buffer, contentType?: string) => {
    const writer = await store.createWriter(100_000_000);
    await writer.write(data);
    const blob = await writer.finish();
    known.set(id, { id, sha256: blob.sha256, bytes: blob.bytes, contentType: contentType ?? blob.contentType });
    return blob;
  };
  const link = (id: string, download = false) => links.urlFor({ id }, '', download);
  const read = (url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') => app.inject({ method, url, headers });

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'litegen-files-'));
    store = new WatchedStore(root);
    await store.prepare(Date.now());
    const module = await Test.createTestingModule({
      controllers: [FilesController],
      providers: [
        { provide: CONFIG, useValue: configSchema.parse({}) },
        { provide: BlobStore, useValue: store },
        { provide: AssetsRepository, useValue: { find: async (id: string) => known.get(id) ?? null } },
        { provide: InstanceSecrets, useValue: { get: async () => Buffer.alloc(32, 7) } },
        Clock,
        LinkSigner,
      ],
    }).compile();
    app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
    app.useGlobalFilters(new Envelope());
    await app.init();
    links = app.get(LinkSigner);
    await add('asset-digits', Buffer.from('0123456789'), 'video/mp4');
  });
  afterEach(async () => {
    await app.close();
    known.clear();
    rmSync(root, { recursive: true, force: true });
  });

  it('answers with the file, as what it is', async () => {
    const png = makePng({ bytes: 300_000 });
    const { sha256 } = await add('asset-png', png);
    const response = await read(link('asset-png'));
    expect(response.statusCode).toBe(200);
    expect(response.rawPayload.equals(png)).toBe(true);
    expect(response.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': '300000',
      'accept-ranges': 'bytes',
      etag: `"${sha256}"`,
      'content-disposition': 'inline; filename="asset-png.png"',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'cross-origin',
    });
    expect(response.headers['cache-control']).toMatch(/^private, max-age=3[56]\d\d, immutable$/);
    expect(response.headers['content-security-policy']).toContain('sandbox');
  });

  it('saves instead of showing when asked to, and whatever could carry script', async () => {
    await add('asset-svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'));
    await add('asset-html', Buffer.from('<script>alert(1)</script>'), 'text/html');
    const dispositions = await Promise.all(
      [link('asset-svg'), link('asset-html'), link('asset-digits', true), link('asset-digits')].map(
        async (url) => (await read(url)).headers['content-disposition'],
      ),
    );
    expect(dispositions).toEqual([
      'attachment; filename="asset-svg.svg"',
      'attachment; filename="asset-html.bin"',
      'attachment; filename="asset-digits.mp4"',
      'inline; filename="asset-digits.mp4"',
    ]);
  });

  it.each([
    ['bytes=0-3', 206, 'bytes 0-3/10', '0123'],
    ['bytes=4-4', 206, 'bytes 4-4/10', '4'],
    ['bytes=7-', 206, 'bytes 7-9/10', '789'],
    ['bytes=-3', 206, 'bytes 7-9/10', '789'],
    ['bytes=-99', 206, 'bytes 0-9/10', '0123456789'],
    ['bytes=5-99', 206, 'bytes 5-9/10', '56789'],
    ['bytes=0-1,3-4', 200, undefined, '0123456789'],
    ['bytes=5-3', 200, undefined, '0123456789'],
    ['bytes=-', 200, undefined, '0123456789'],
    ['lines=1-2', 200, undefined, '0123456789'],
  ])('answers range %s with %i', async (range, status, contentRange, body) => {
    const response = await read(link('asset-digits'), { range });
    expect(response.statusCode).toBe(status);
    expect(response.headers['content-range']).toBe(contentRange);
    expect(response.headers['content-length']).toBe(String(body.length));
    expect(response.body).toBe(body);
  });

  it.each(['bytes=10-', 'bytes=99-100', 'bytes=-0'])('refuses range %s', async (range) => {
    const response = await read(link('asset-digits'), { range });
    expect(response.statusCode).toBe(416);
    expect(response.headers['content-range']).toBe('bytes */10');
    expect(response.json()).toMatchObject({ error: { code: 'range_not_satisfiable' } });
  });

  it('spares the bytes of what the client has', async () => {
    const etag = `"${known.get('asset-digits')?.sha256}"`;
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const response = await read(link('asset-digits'), { 'if-none-match': tag });
      expect([response.statusCode, response.body, response.headers['etag']]).toEqual([304, '', etag]);
    }
    expect((await read(link('asset-digits'), { 'if-none-match': '"x"' })).statusCode).toBe(200);
    expect((await read(link('asset-digits'), { range: 'bytes=0-3', 'if-range': etag })).statusCode).toBe(206);
    expect((await read(link('asset-digits'), { range: 'bytes=0-3', 'if-range': '"x"' })).statusCode).toBe(200);
  });

  it('answers HEAD without opening the file', async () => {
    const response = await read(link('asset-digits'), { range: 'bytes=0-3' }, 'HEAD');
    expect([response.statusCode, response.body, response.headers['content-length']]).toEqual([200, '', '10']);
    expect(response.headers['content-type']).toBe('video/mp4');
    expect(store.streams).toHaveLength(0);
  });

  it('refuses links that do not hold, before it looks for the file', async () => {
    const forged = link('asset-digits').replace('asset-digits', 'asset-other');
    for (const url of [forged, '/v1/files/asset-digits']) {
      const response = await read(url);
      expect(response.statusCode).toBe(403);
      expect(response.json()).toMatchObject({ error: { code: 'link_invalid' } });
    }
    expect((await read(link('asset-gone'))).statusCode).toBe(404);
    await store.delete(known.get('asset-digits')?.sha256 ?? '');
    expect((await read(link('asset-digits'))).json()).toMatchObject({ error: { code: 'not_found' } });
  });

  it('reads no faster than the client, and closes the file when it goes away', async () => {
    await add('asset-large', Buffer.alloc(50_000_000, 1));
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const response = await new Promise<Readable>((resolve, reject) => {
      httpGet(`http://127.0.0.1:${port}${link('asset-large')}`, resolve).on('error', reject);
    });
    // Nothing is read from the response but that it began: what the sockets do not hold must still be in the file.
    await once(response, 'readable');
    const file = store.streams[0] as Readable & { bytesRead: number };
    response.destroy();
    await expect.poll(() => file.destroyed).toBe(true);
    expect(file.bytesRead).toBeGreaterThan(0);
    expect(file.bytesRead).toBeLessThan(50_000_000);
  });
});
