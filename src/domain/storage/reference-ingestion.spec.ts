import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type HttpSimulator, makePng, type SimulatorReply, startHttpSimulator } from '@litegen/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  exifTiff,
  makeAvif,
  makeBmp,
  makeGif,
  makeJpeg,
  makeLyingPng,
  makeMovie,
  makePngWith,
  pngChunk,
  riff,
  SECRET,
  webpCanvas,
  webpLossless,
} from '../../../test/support/media-files.js';
import { Clock } from '../../platform/common/index.js';
import { configSchema } from '../../platform/config/index.js';
import type { InstanceSecrets } from '../../platform/database/index.js';
import { EgressService, SystemResolver } from '../../platform/security/index.js';
import type { AssetsRepository } from './assets.repository.js';
import { EgressReferenceFetcher } from './egress-reference-fetcher.js';
import { LinkSigner } from './links.js';
import { LocalBlobStore } from './local-blob-store.js';
import { ReferenceIngestion } from './reference-ingestion.js';

const png = makePng({ width: 20, height: 10 });

describe('references', () => {
  let root: string;
  let store: LocalBlobStore;
  let vendor: HttpSimulator;
  let reply: SimulatorReply;
  let egress: EgressService;
  const assets = new Map<string, { sha256: string }>();

  const ingestion = async (settings: { media?: object; server?: object; egress?: object } = {}) => {
    const allow = [new URL(vendor.origin).host];
    const config = configSchema.parse({ ...settings, egress: settings.egress ?? { allow } });
    egress = new EgressService(config, new SystemResolver());
    const links = new LinkSigner({ get: async () => Buffer.alloc(32) } as unknown as InstanceSecrets, new Clock(), config);
    await links.onModuleInit();
    const repository = { find: async (id: string) => assets.get(id) ?? null } as unknown as AssetsRepository;
    return { links, references: new ReferenceIngestion(store, new EgressReferenceFetcher(egress), links, repository, config) };
  };
  const stored = () => readdirSync(root, { recursive: true }).filter((name) => /[0-9a-f]{64}$|tmp\/./.test(String(name)));

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'litegen-references-'));
    store = new LocalBlobStore(root);
    await store.prepare(Date.now());
    vendor = await startHttpSimulator(() => reply);
    reply = { status: 200, headers: { 'content-type': 'text/plain' }, body: png };
  });
  afterEach(async () => {
    await egress.onApplicationShutdown();
    await vendor.close();
    assets.clear();
    rmSync(root, { recursive: true, force: true });
  });

  it('come by URL, as base64, as a data: URL and as a stream, and are the same file', async () => {
    const { references } = await ingestion();
    const base64 = png.toString('base64');
    const url = `${vendor.origin}/picture.txt`;
    const taken = await Promise.all([
      references.ingest({ kind: 'url', url }),
      references.ingest({ kind: 'base64', value: base64 }),
      references.ingest({ kind: 'base64', value: `data:image/jpeg;base64,${base64}` }),
      references.ingest({ kind: 'url', url: `DATA:;BASE64,${base64}` }),
      references.ingest({ kind: 'stream', body: Readable.from([png.subarray(0, 5), png.subarray(5)]) }),
    ]);
    expect(taken.map(({ sourceUrl }) => sourceUrl)).toEqual([url, undefined, undefined, undefined, undefined]);
    for (const { blob } of taken) expect(blob).toEqual({ ...taken[0]?.blob, contentType: 'image/png', width: 20, height: 10 });
    expect((await store.readAll(taken[0]?.blob.sha256 ?? '')).equals(png)).toBe(true);
    expect(stored()).toHaveLength(1);
  });

  it('are stored without what they say about their maker', async () => {
    const { references } = await ingestion();
    const jpeg = makeJpeg({ width: 40, height: 30, orientation: 6, chatty: true, trailer: Buffer.from(SECRET) });
    const { blob } = await references.ingest({ kind: 'base64', value: jpeg.toString('base64') });
    expect(blob).toMatchObject({ contentType: 'image/jpeg', width: 30, height: 40 });
    expect((await store.readAll(blob.sha256)).includes(SECRET)).toBe(false);
    const large = makePngWith([
      pngChunk('eXIf', exifTiff(1)),
      pngChunk('liTe', Buffer.alloc(900_000, 1)),
      pngChunk('fdAT', Buffer.alloc(900_000)),
    ]);
    const second = await references.ingest({ kind: 'base64', value: large.toString('base64') });
    expect(second.blob.bytes).toBeLessThan(910_000);
    expect((await store.readAll(second.blob.sha256)).includes(SECRET)).toBe(false);
  });

  it('may be videos only where the caller allows it', async () => {
    const { references } = await ingestion();
    const source = { kind: 'base64', value: makeMovie().toString('base64') } as const;
    await expect(references.ingest(source)).rejects.toMatchObject({ code: 'reference_invalid' });
    const { blob } = await references.ingest(source, { allowVideo: true });
    expect(blob).toMatchObject({ contentType: 'video/mp4', durationMs: 5000, width: 1280 });
  });

  it.each([
    ['text', Buffer.from('just text, whatever the sender calls it')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['PDF', Buffer.from('%PDF-1.7\n')],
    ['nothing', Buffer.alloc(0)],
    ['a PNG cut short', png.subarray(0, png.length - 5)],
    ['a JPEG cut short', makeJpeg().subarray(0, -30)],
    ['a JPEG without its last byte', makeJpeg().subarray(0, -1)],
    ['a GIF cut short', makeGif(2).subarray(0, -10)],
    ['a WebP cut short', riff([webpCanvas(30, 20), webpLossless(30, 20)]).subarray(0, -6)],
    ['an AVIF cut short', makeAvif(64, 32).subarray(0, -20)],
    ['a bitmap cut short', makeBmp(16, 8).subarray(0, -9)],
  ])('must be pictures: %s', async (_name, data) => {
    const { references } = await ingestion();
    const source = { kind: 'stream', body: Readable.from([data]) } as const;
    const limits = { param: 'reference_images[0].value' };
    await expect(references.ingest(source, limits)).rejects.toMatchObject({ code: 'reference_invalid', details: limits });
    expect(stored()).toEqual([]);
  });

  it.each([
    '',
    'data:image/png;base64,',
    'data:image/png,abcd',
    'data:image/png;base64',
    'a',
    'ab=c',
    'abcde',
    'ab=',
    'a===',
    'abc==',
    'abcd====',
    `ab${'='.repeat(600_000)}`,
    'äöüß',
    'ab/c.png',
    'data:image/png;base64,ab%ZZ',
  ])('must be sound base64: %j', async (value) => {
    const { references } = await ingestion();
    await expect(references.ingest({ kind: 'base64', value })).rejects.toMatchObject({ code: 'reference_invalid' });
  });

  it('are base64 in every spelling that clients have, of every length', async () => {
    const { references } = await ingestion();
    for (let extra = 0; extra < 3; extra += 1) {
      const picture = makePngWith([pngChunk('fdAT', Buffer.alloc(300_000 + extra, 0xfb))]);
      const plain = picture.toString('base64');
      const bare = plain.replace(/=+$/, '');
      const spellings = {
        bare,
        urlsafe: picture.toString('base64url'),
        'urlsafe with padding': plain.replaceAll('+', '-').replaceAll('/', '_'),
        'lines of 76': plain.replace(/.{76}/g, '$&\r\n'),
        'lines of 76 without padding, folded': bare.replace(/.{76}/g, '$& '),
        'lines of 61, indented': plain.replace(/.{61}/g, '$&\n    '),
        surrounded: ` \n${plain}\n `,
        'surrounded, without padding': `\t${bare} `,
        'a data: URL with a blank before it': ` data:image/png; base64,${plain}`,
        'an escaped data: URL': `data:image/png;base64,${encodeURIComponent(plain)}`,
      };
      for (const [name, value] of Object.entries(spellings)) {
        const { blob } = await references.ingest({ kind: 'base64', value });
        expect((await store.readAll(blob.sha256)).equals(picture), name).toBe(true);
      }
      const lost = references.ingest({ kind: 'base64', value: plain.replaceAll('+', ' ') });
      await expect(lost).rejects.toMatchObject({ code: 'reference_invalid', message: expect.stringContaining('Was it a "+"?') });
    }
  });

  it('are decoded in pieces, and a wrong character deep inside is noticed', async () => {
    const { references } = await ingestion();
    const large = makePngWith([pngChunk('fdAT', Buffer.alloc(2_000_000, 3))]);
    const value = large.toString('base64');
    const { blob } = await references.ingest({ kind: 'base64', value });
    expect((await store.readAll(blob.sha256)).equals(large)).toBe(true);
    const broken = `${value.slice(0, 1_000_000)}!${value.slice(1_000_001)}`;
    await expect(references.ingest({ kind: 'base64', value: broken })).rejects.toMatchObject({ code: 'reference_invalid' });
    expect(stored()).toHaveLength(1);
  });

  it('keep to the caps, however they come', async () => {
    const { references } = await ingestion({ media: { max_reference_bytes: 1000 } });
    const tooLarge = { code: 'reference_too_large' };
    const large = makePng({ bytes: 1001 });
    reply = {
      status: 200,
      body: (async function* () {
        yield large;
      })(),
    };
    await expect(references.ingest({ kind: 'url', url: vendor.origin })).rejects.toMatchObject(tooLarge);
    await expect(references.ingest({ kind: 'base64', value: large.toString('base64') })).rejects.toMatchObject(tooLarge);
    await expect(references.ingest({ kind: 'stream', body: Readable.from([large]) })).rejects.toMatchObject(tooLarge);
    // What follows the picture counts as well.
    const trailing = Readable.from([png, Buffer.alloc(2000)]);
    await expect(references.ingest({ kind: 'stream', body: trailing })).rejects.toMatchObject(tooLarge);
    await expect(references.ingest({ kind: 'stream', body: Readable.from([png]) }, { maxBytes: 10 })).rejects.toMatchObject(tooLarge);
    await references.ingest({ kind: 'stream', body: Readable.from([makePng({ bytes: 1000 })]) });
    const bomb = Readable.from([makeLyingPng(65_535, 65_535)]);
    await expect(references.ingest({ kind: 'stream', body: bomb })).rejects.toMatchObject(tooLarge);
    const pixels = await ingestion({ media: { max_pixels: 199 } });
    await expect(pixels.references.ingest({ kind: 'stream', body: Readable.from([png]) })).rejects.toMatchObject(tooLarge);
    expect(stored()).toHaveLength(1);
  });

  it('read a form’s file to its end, and let go of it on failure', async () => {
    const { references } = await ingestion();
    const whole = Readable.from([png, Buffer.from('trailer')]);
    const { blob } = await references.ingest({ kind: 'stream', body: whole });
    expect(blob.bytes).toBe(png.length);
    expect(whole.readableEnded).toBe(true);
    const refused = Readable.from([Buffer.alloc(5000), Buffer.alloc(5000)]);
    await expect(references.ingest({ kind: 'stream', body: refused })).rejects.toMatchObject({ code: 'reference_invalid' });
    expect(refused.destroyed).toBe(true);
  });

  it('are fetched under guard', async () => {
    const { references } = await ingestion();
    const ingest = (url: string) => references.ingest({ kind: 'url', url }, { param: 'reference_images[1]' });
    for (const url of ['http://169.254.169.254/latest', 'http://127.0.0.1:1/', 'file:///etc/passwd', 'not a url', 'http://[::1]:8080/']) {
      await expect(ingest(url)).rejects.toMatchObject({ code: 'url_blocked', details: { param: 'reference_images[1]' } });
    }
    const failed = { code: 'reference_fetch_failed', details: { param: 'reference_images[1]' } };
    reply = { status: 404, body: png };
    await expect(ingest(vendor.origin)).rejects.toMatchObject(failed);
    reply = { status: 200, body: makePng({ bytes: 200_000 }) };
    vendor.inject({ kind: 'truncate' });
    await expect(ingest(vendor.origin)).rejects.toMatchObject(failed);
    vendor.inject({ kind: 'drop' });
    await expect(ingest(vendor.origin)).rejects.toMatchObject(failed);
    reply = { status: 302, headers: { location: 'http://169.254.169.254/' } };
    await expect(ingest(vendor.origin)).rejects.toMatchObject({ code: 'url_blocked' });
    expect(stored()).toEqual([]);
  });

  it('stop when the caller goes away', async () => {
    const { references } = await ingestion();
    const reason = new Error('gone');
    const signal = AbortSignal.abort(reason);
    await expect(references.ingest({ kind: 'url', url: vendor.origin }, { signal })).rejects.toBe(reason);
    await expect(references.ingest({ kind: 'stream', body: Readable.from([png]) }, { signal })).rejects.toBe(reason);
  });

  it('may be links to the gateway’s own files, which need no network', async () => {
    const { references, links } = await ingestion({ server: { public_url: 'http://10.0.0.1:4000' } });
    const { blob } = await references.ingest({ kind: 'base64', value: png.toString('base64') });
    assets.set('asset-own', blob);
    const url = links.urlFor({ id: 'asset-own' }, '');
    expect(await references.ingest({ kind: 'url', url })).toEqual({ blob, sourceUrl: url });
    await expect(references.ingest({ kind: 'url', url: `${url}x` })).rejects.toMatchObject({ code: 'link_invalid' });
    await expect(references.ingest({ kind: 'url', url: links.urlFor({ id: 'asset-none' }, '') })).rejects.toMatchObject({
      code: 'reference_fetch_failed',
    });
    const elsewhere = url.replace('http://10.0.0.1:4000', vendor.origin).replace(/signature=.*/, 'signature=theirs');
    expect((await references.ingest({ kind: 'url', url: elsewhere })).blob.sha256).toBe(blob.sha256);
    expect(vendor.requests).toHaveLength(1);
  });
});
