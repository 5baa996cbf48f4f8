import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { S3Client, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import { ApiError, seeRoom } from '../../platform/common/index.js';
import type { Config } from '../../platform/config/index.js';
import { BlobSpool, type SpooledFile } from './blob-spool.js';
import { type BlobPlace, BlobStore, type BlobWriter, type ByteRange, type ListedBlob } from './blob-store.js';
import { prepareTemporaryDirectory } from './local-blob-store.js';
import { blobNotFound, storageUnavailable } from './storage.errors.js';

type Library = typeof import('@aws-sdk/client-s3');
type BucketCommand<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = Parameters<
  typeof S3Client.prototype.send<Input, Output>
>[0];

export type S3Settings = NonNullable<Config['storage']['s3']>;

/** S3 takes no more in one request. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
const PUT_TRIES = 3;
const FIRST_PAUSE_MS = 200;
const CONNECT_TIMEOUT_MS = 5_000;
/** Before the names of what is set aside. */
const ASIDE = 'aside/';
/** Of silence on the socket. */
const IDLE_TIMEOUT_MS = 60_000;
/** What has no answer by then may be big, or the bucket may be away: something small tells. */
const DOUBT_AFTER_MS = 3_000;
const CHECK_TIMEOUT_MS = 5_000;

/** Why the bucket did not do what it was asked, in its own word. */
class BucketFailure extends Error {
  constructor(
    readonly code: string,
    cause: unknown,
  ) {
    super(code, { cause });
    this.name = 'BucketFailure';
  }
}

/**
 * Files in an S3-compatible bucket, at `<path_prefix>/ab/<sha256>`. Large files pass through a temporary file on the local
 * disk, because their name is known only at their end.
 *
 * The SDK opens its own connections rather than through `security`: the endpoint is the operator's word, never a caller's, and
 * may well be a private address.
 */
export class S3BlobStore extends BlobStore {
  /** Requests that wait longer than most for their answer. */
  private readonly doubtful = new Set<AbortController>();
  private isInDoubt = false;

  private constructor(
    private readonly library: Library,
    private readonly client: S3Client,
    private readonly bucket: string,
    private readonly pathPrefix: string,
    private readonly temporary: string,
  ) {
    super();
  }

  /** Loads the SDK, which nobody else pays for. @param temporary an existing directory on the local disk. */
  static async open(settings: S3Settings, pathPrefix: string, temporary: string): Promise<S3BlobStore> {
    const library = await import('@aws-sdk/client-s3');
    const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = settings;
    const client = new library.S3Client({
      region: settings.region,
      // MinIO, R2, Ceph and others know buckets by path, and not the checksums that the SDK would add unasked.
      ...(settings.endpoint_url === undefined ? {} : { endpoint: settings.endpoint_url, forcePathStyle: true }),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Without keys in the settings the SDK looks in its usual places (environment, profile, instance role).
      ...(accessKeyId === undefined || secretAccessKey === undefined ? {} : { credentials: { accessKeyId, secretAccessKey } }),
      maxAttempts: 3,
      // What goes wrong is thrown, and logged once by whoever answers for it.
      logger: { trace: silent, debug: silent, info: silent, warn: silent, error: silent },
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
    });
    return new S3BlobStore(library, client, settings.bucket_name, pathPrefix.replace(/^\/+|\/+$/g, ''), temporary);
  }

  async createWriter(maxBytes: number, patience?: AbortSignal): Promise<BlobWriter> {
    const { temporary: directory, health } = this;
    return new BlobSpool({ directory, health, patience, maxBytes: Math.min(maxBytes, MAX_OBJECT_BYTES), keep: (file) => this.keep(file) });
  }

  async read(sha256: string, range?: ByteRange): Promise<Readable> {
    const key = this.keyOf(sha256);
    // It may be moved there or back at any moment, so a second look in the one place follows that in the other.
    for (const Key of [key, this.asideKeyOf(sha256), key]) {
      const body = await this.get(Key, range);
      if (body !== undefined) return body;
    }
    throw blobNotFound(sha256);
  }

  /** Undefined: there is no such object. */
  private async get(Key: string, range?: ByteRange): Promise<Readable | undefined> {
    try {
      const { Body } = await this.send(
        new this.library.GetObjectCommand({
          Bucket: this.bucket,
          Key,
          ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }),
        }),
      );
      if (!(Body instanceof Readable)) throw new Error('The bucket answered without a body.');
      return Body;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw this.away('read from', error);
    }
  }

  async readAll(sha256: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    const body = await this.read(sha256);
    try {
      for await (const part of body) parts.push(part as Buffer);
    } catch (error) {
      throw this.away('read from', error);
    }
    return Buffer.concat(parts);
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.lengthOf(this.keyOf(sha256))) !== undefined || (await this.lengthOf(this.asideKeyOf(sha256))) !== undefined;
  }

  async delete(sha256: string): Promise<void> {
    this.recent.delete(sha256);
    await this.deleteObject(this.keyOf(sha256));
    await this.deleteAside(sha256);
  }

  async *list(place: BlobPlace): AsyncGenerator<ListedBlob, void> {
    const Prefix = this.withPrefix(place === 'store' ? '' : ASIDE);
    for (let ContinuationToken: string | undefined; ; ) {
      const command = new this.library.ListObjectsV2Command({ Bucket: this.bucket, Prefix, ContinuationToken });
      const page = await this.send(command).catch((error: unknown) => {
        throw this.unavailable('listed', error);
      });
      for (const { Key = '', LastModified } of page.Contents ?? []) {
        const sha256 = /^([0-9a-f]{2})\/(\1[0-9a-f]{62})$/.exec(Key.slice(Prefix.length))?.[2];
        if (sha256 !== undefined && LastModified !== undefined) yield { sha256, sinceMs: LastModified.getTime() };
      }
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      if (ContinuationToken === undefined) return;
    }
  }

  async setAside(sha256: string): Promise<void> {
    await this.move(this.keyOf(sha256), this.asideKeyOf(sha256));
    this.recent.delete(sha256);
  }

  async restore(sha256: string): Promise<void> {
    await this.move(this.asideKeyOf(sha256), this.keyOf(sha256));
  }

  async deleteAside(sha256: string): Promise<void> {
    await this.deleteObject(this.asideKeyOf(sha256));
  }

  async readNote(name: string): Promise<string | undefined> {
    const body = await this.get(this.withPrefix(name));
    return body === undefined ? undefined : Buffer.concat(await body.toArray()).toString();
  }

  async writeNote(name: string, text: string): Promise<void> {
    try {
      await this.send(new this.library.PutObjectCommand({ Bucket: this.bucket, Key: this.withPrefix(name), Body: text }));
    } catch (error) {
      throw this.unavailable('written to', error);
    }
  }

  async tidy(nowMs: number): Promise<void> {
    await prepareTemporaryDirectory(this.temporary, nowMs);
  }

  /** The copy is there before the original is gone. */
  private async move(from: string, Key: string): Promise<void> {
    try {
      const CopySource = encodeURIComponent(`${this.bucket}/${from}`);
      await this.send(new this.library.CopyObjectCommand({ Bucket: this.bucket, Key, CopySource }));
    } catch (error) {
      if (isMissing(error)) return;
      throw this.unavailable('written to', error);
    }
    await this.deleteObject(from);
  }

  private async deleteObject(Key: string): Promise<void> {
    try {
      await this.send(new this.library.DeleteObjectCommand({ Bucket: this.bucket, Key }));
    } catch (error) {
      throw this.unavailable('deleted from', error);
    }
  }

  /** Of the local disk, which large files pass through. */
  protected glance(): Promise<void> {
    return seeRoom(this.temporary);
  }

  /** Gives up what gets no answer, if nothing else does either; whoever has the patience asks again when the bucket is back. */
  private async send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: BucketCommand<Input, Output>,
  ): Promise<Output> {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      this.doubtful.add(controller);
      void this.doubt();
    }, DOUBT_AFTER_MS);
    try {
      return await this.client.send(command, { abortSignal: controller.signal });
    } finally {
      clearTimeout(timer);
      this.doubtful.delete(controller);
    }
  }

  private async doubt(): Promise<void> {
    if (this.isInDoubt) return;
    this.isInDoubt = true;
    try {
      await this.check();
    } catch (error) {
      this.health.failed(error);
      for (const controller of this.doubtful) controller.abort();
    } finally {
      this.isInDoubt = false;
    }
  }

  /** Writes and reads one tiny object, because a policy may allow that and yet not the listing that a lighter check needs. */
  async check(): Promise<void> {
    const Key = this.withPrefix('check');
    try {
      const bounded = { abortSignal: AbortSignal.timeout(CHECK_TIMEOUT_MS) };
      await this.client.send(new this.library.PutObjectCommand({ Bucket: this.bucket, Key, Body: 'ok' }), bounded);
      const { Body } = await this.client.send(new this.library.GetObjectCommand({ Bucket: this.bucket, Key }), bounded);
      if ((await Body?.transformToString()) !== 'ok') throw new Error('What was written is not what is read.');
    } catch (error) {
      throw this.unavailable('used', error);
    }
  }

  private withPrefix(name: string): string {
    return this.pathPrefix === '' ? name : `${this.pathPrefix}/${name}`;
  }

  private keyOf(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw blobNotFound(sha256);
    return this.withPrefix(`${sha256.slice(0, 2)}/${sha256}`);
  }

  private asideKeyOf(sha256: string): string {
    return this.withPrefix(`${ASIDE}${sha256.slice(0, 2)}/${sha256}`);
  }

  private async keep(file: SpooledFile): Promise<void> {
    const Key = this.keyOf(file.sha256);
    // Asking first pays only for files that take long to send.
    if (file.kind === 'disk' && (await this.lengthOf(Key)) === file.bytes) return;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.put(Key, file);
        if (file.kind === 'memory') this.recent.add(file.sha256, file.data);
        return;
      } catch (error) {
        // The SDK repeats what it can, but never a stream.
        const repeatable = file.kind === 'disk' && attempt < PUT_TRIES && isTransient(error);
        if (!repeatable) throw this.unavailable('written to', error);
        await wait(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      }
    }
  }

  private async put(Key: string, file: SpooledFile): Promise<void> {
    const Body = file.kind === 'memory' ? file.data : createReadStream(file.path);
    const command = new this.library.PutObjectCommand({ Bucket: this.bucket, Key, Body, ContentLength: file.bytes });
    // Signing the digest that we know anyway spares the SDK reading the file twice, and lets the bucket refuse altered bytes.
    command.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { headers: Record<string, string> };
        request.headers['x-amz-content-sha256'] = file.sha256;
        return next(args);
      },
      { step: 'build', name: 'knownContentDigest' },
    );
    try {
      await this.send(command);
    } finally {
      if (!Buffer.isBuffer(Body)) Body.destroy();
    }
  }

  private async lengthOf(Key: string): Promise<number | undefined> {
    try {
      const head = await this.send(new this.library.HeadObjectCommand({ Bucket: this.bucket, Key }));
      return head.ContentLength ?? 0;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw this.away('asked', error);
    }
  }

  /** What readers and writers depend on, and not the rights to list and to delete. */
  private away(verb: string, error: unknown): ApiError {
    const failure = this.unavailable(verb, error);
    this.health.failed(failure);
    return failure;
  }

  private unavailable(verb: string, error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    return storageUnavailable(`The bucket ${this.bucket} could not be ${verb}`, new BucketFailure(wordOf(error), error));
  }
}

function silent(): void {}

function wordOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string') return code;
  return error.name === 'AbortError' || error.name === 'TimeoutError' ? 'ETIMEDOUT' : error.name;
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
}

/** A missing bucket is a misconfiguration, not a missing file. */
function isMissing(error: unknown): boolean {
  const name = error instanceof Error ? error.name : '';
  return name !== 'NoSuchBucket' && (name === 'NoSuchKey' || name === 'NotFound' || statusOf(error) === 404);
}

/** No answer at all, or one that asks for patience. */
function isTransient(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || status === 408 || status === 429 || status >= 500;
}
