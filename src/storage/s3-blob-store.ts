import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { ApiError } from '../common/index.js';
import type { Config } from '../config/index.js';
import { BlobSpool, type SpooledFile } from './blob-spool.js';
import { BlobStore, type BlobWriter, type ByteRange } from './blob-store.port.js';
import { blobNotFound, storageUnavailable } from './storage.errors.js';

type Library = typeof import('@aws-sdk/client-s3');

export type S3Settings = NonNullable<Config['storage']['s3']>;

/** S3 takes no more in one request. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
const PUT_TRIES = 3;
const FIRST_PAUSE_MS = 200;
const CONNECT_TIMEOUT_MS = 5_000;
/** Of silence on the socket. */
const IDLE_TIMEOUT_MS = 60_000;

/**
 * Files in an S3-compatible bucket, at `<path_prefix>/ab/<sha256>`. Large files pass through a temporary file on the local
 * disk, because their name is known only at their end.
 *
 * The SDK opens its own connections rather than through `security`: the endpoint is the operator's word, never a caller's, and
 * may well be a private address.
 */
export class S3BlobStore extends BlobStore {
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

  async createWriter(maxBytes: number): Promise<BlobWriter> {
    return new BlobSpool(this.temporary, Math.min(maxBytes, MAX_OBJECT_BYTES), (file) => this.keep(file));
  }

  async read(sha256: string, range?: ByteRange): Promise<Readable> {
    try {
      const { Body } = await this.client.send(
        new this.library.GetObjectCommand({
          Bucket: this.bucket,
          Key: this.keyOf(sha256),
          ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }),
        }),
      );
      if (!(Body instanceof Readable)) throw new Error('The bucket answered without a body.');
      return Body;
    } catch (error) {
      throw isMissing(error) ? blobNotFound(sha256, error) : this.unavailable('read from', error);
    }
  }

  async readAll(sha256: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    const body = await this.read(sha256);
    try {
      for await (const part of body) parts.push(part as Buffer);
    } catch (error) {
      throw this.unavailable('read from', error);
    }
    return Buffer.concat(parts);
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.lengthOf(this.keyOf(sha256))) !== undefined;
  }

  async delete(sha256: string): Promise<void> {
    this.recent.delete(sha256);
    try {
      await this.client.send(new this.library.DeleteObjectCommand({ Bucket: this.bucket, Key: this.keyOf(sha256) }));
    } catch (error) {
      throw this.unavailable('deleted from', error);
    }
  }

  /** Writes and reads one tiny object, because a policy may allow that and yet not the listing that a lighter check needs. */
  async check(): Promise<void> {
    const Key = this.withPrefix('check');
    try {
      await this.client.send(new this.library.PutObjectCommand({ Bucket: this.bucket, Key, Body: 'ok' }));
      const { Body } = await this.client.send(new this.library.GetObjectCommand({ Bucket: this.bucket, Key }));
      if ((await Body?.transformToString()) !== 'ok') throw new Error('What was written is not what is read.');
    } catch (error) {
      throw this.unavailable('used:', error);
    }
  }

  private withPrefix(name: string): string {
    return this.pathPrefix === '' ? name : `${this.pathPrefix}/${name}`;
  }

  private keyOf(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw blobNotFound(sha256);
    return this.withPrefix(`${sha256.slice(0, 2)}/${sha256}`);
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
      await this.client.send(command);
    } finally {
      if (!Buffer.isBuffer(Body)) Body.destroy();
    }
  }

  private async lengthOf(Key: string): Promise<number | undefined> {
    try {
      const head = await this.client.send(new this.library.HeadObjectCommand({ Bucket: this.bucket, Key }));
      return head.ContentLength ?? 0;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw this.unavailable('asked', error);
    }
  }

  private unavailable(verb: string, error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    const name = error instanceof Error ? error.name : 'unknown error';
    return storageUnavailable(`The bucket ${this.bucket} could not be ${verb} (${name}).`, error);
  }
}

function silent(): void {}

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
