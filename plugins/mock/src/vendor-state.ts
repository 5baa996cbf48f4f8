import { createHash, randomUUID } from 'node:crypto';
import { access, appendFile, constants, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '@litegen/plugin-sdk';
import { ProviderError } from '@litegen/plugin-sdk';
import { isJob, type Job } from './job.js';

/** What the played vendor remembers between calls. */
export interface VendorState {
  /** Takes a job on, once per idempotency key, and answers with the job of that key. */
  accept(idempotencyKey: string, job: Job): Promise<Job>;
  /** Notes a submit that was refused. */
  refuse(idempotencyKey: string, atMs: number): Promise<void>;
  /** Uses up one of the `times` failures of a subject. False when all are used up. */
  takeFailure(subject: string, times: number): Promise<boolean>;
  cancel(jobId: string): Promise<void>;
  isCancelled(jobId: string): Promise<boolean>;
  /** Rejects when the state cannot be kept. */
  check(): Promise<void>;
}

// Oldest entries are forgotten beyond it, so that a long-running process does not grow.
const MAX_REMEMBERED = 10_000;

function keepRecent<Value>(entries: Map<string, Value>, key: string, value: Value): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size > MAX_REMEMBERED) {
    const [oldest] = entries.keys();
    if (oldest !== undefined) entries.delete(oldest);
  }
}

/** The vendor forgets everything when the process ends. Jobs need no memory: they are in their operations. */
export class VolatileState implements VendorState {
  readonly #failures = new Map<string, number>();
  readonly #cancelled = new Map<string, true>();

  async accept(_idempotencyKey: string, job: Job): Promise<Job> {
    return job;
  }

  async refuse(): Promise<void> {}

  async takeFailure(subject: string, times: number): Promise<boolean> {
    const used = this.#failures.get(subject) ?? 0;
    if (used >= times) return false;
    keepRecent(this.#failures, subject, used + 1);
    return true;
  }

  async cancel(jobId: string): Promise<void> {
    keepRecent(this.#cancelled, jobId, true);
  }

  async isCancelled(jobId: string): Promise<boolean> {
    return this.#cancelled.has(jobId);
  }

  async check(): Promise<void> {}
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function isErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The vendor keeps its jobs in a directory, which any number of processes may share. */
export class DirectoryState implements VendorState {
  constructor(private readonly directory: string) {}

  accept(idempotencyKey: string, job: Job): Promise<Job> {
    return this.#kept(async () => {
      const file = join(this.directory, `${sha256(idempotencyKey)}.json`);
      const deduplicated = !(await this.#writeOnce(file, JSON.stringify(job)));
      await this.#log({ key: idempotencyKey, at: new Date(job.submittedAtMs).toISOString(), deduplicated, accepted: true });
      if (!deduplicated) return job;
      const known = JSON.parse(await readFile(file, 'utf8')) as Json;
      if (!isJob(known)) throw new ProviderError('internal', 'the mock vendor found a damaged job file');
      if (known.digest !== job.digest) {
        throw new ProviderError('invalid_request', 'the idempotency key was used for another request', { vendorStatus: 409 });
      }
      return known;
    });
  }

  refuse(idempotencyKey: string, atMs: number): Promise<void> {
    return this.#kept(() => this.#log({ key: idempotencyKey, at: new Date(atMs).toISOString(), deduplicated: false, accepted: false }));
  }

  takeFailure(subject: string, times: number): Promise<boolean> {
    return this.#kept(async () => {
      for (let index = 0; index < times; index++) {
        if (await this.#writeOnce(join(this.directory, `${sha256(subject)}.failure-${index}`), '')) return true;
      }
      return false;
    });
  }

  cancel(jobId: string): Promise<void> {
    return this.#kept(() => writeFile(this.#cancellation(jobId), ''));
  }

  isCancelled(jobId: string): Promise<boolean> {
    return this.#kept(async () => {
      try {
        await access(this.#cancellation(jobId));
        return true;
      } catch (error) {
        if (isErrorCode(error, 'ENOENT')) return false;
        throw error;
      }
    });
  }

  check(): Promise<void> {
    return this.#kept(() => access(this.directory, constants.R_OK | constants.W_OK));
  }

  /** Makes the directory first, and tells of a disk that fails in the contract's one error type. */
  async #kept<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      await mkdir(this.directory, { recursive: true });
      return await work();
    } catch (cause) {
      if (ProviderError.is(cause)) throw cause;
      throw new ProviderError('internal', 'the mock vendor cannot use the directory of options.state_directory', { cause });
    }
  }

  #cancellation(jobId: string): string {
    return join(this.directory, `${sha256(jobId)}.cancelled`);
  }

  async #log(line: Record<string, string | boolean>): Promise<void> {
    await appendFile(join(this.directory, 'submits.log'), `${JSON.stringify(line)}\n`);
  }

  /** True when this call made the file. A link appears whole or not at all, even when the process is killed meanwhile. */
  async #writeOnce(file: string, content: string): Promise<boolean> {
    const draft = `${file}.${randomUUID()}`;
    await writeFile(draft, content, { flag: 'wx' });
    try {
      await link(draft, file);
      return true;
    } catch (error) {
      if (isErrorCode(error, 'EEXIST')) return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }
}
