import { hash } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ApiError, Clock, canonicalJson } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { PeriodicTasks } from '../../../platform/schedule/index.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import type { GenerationCommand } from '../model/generation-command.js';
import { checkIdempotencyKey, type IdempotentAdmission } from '../model/idempotency.policy.js';
import { GenerationsRepository } from '../store/generations.repository.js';
import { IdempotencyRepository, RepeatedRequests } from '../store/idempotency.repository.js';

const SWEEP_INTERVAL_MS = 600_000;
const HOUR_MS = 3_600_000;
/** SDKs give up well before this; a later repetition is a new wish. */
const RETRY_WINDOW_MS = 900_000;

/** Finds the generation that a request repeats, so that nothing is bought twice. */
@Injectable()
export class IdempotencyService {
  constructor(
    private readonly clock: Clock,
    private readonly repository: IdempotencyRepository,
    private readonly generations: GenerationsRepository,
    private readonly repeatedRequests: RepeatedRequests,
    @Inject(CONFIG) private readonly config: Config,
    periodic: PeriodicTasks,
  ) {
    periodic.add({
      name: 'generations.idempotency',
      intervalMs: SWEEP_INTERVAL_MS,
      run: () => repository.removeExpired(clock.nowMs()),
      failure: 'Expired idempotency keys could not be removed',
      logger: new Logger(IdempotencyService.name),
    });
  }

  /** @throws ApiError `idempotency_key_invalid` */
  describe(command: GenerationCommand): IdempotentAdmission {
    const key = command.idempotency?.key;
    return {
      fingerprint: fingerprintOf(command),
      expiresAtMs: this.clock.nowMs() + this.config.idempotency.retention_hours * HOUR_MS,
      ...(key === undefined ? {} : { key: checkIdempotencyKey(key) }),
    };
  }

  /**
   * The generation that this request repeats, or null when it is a new one.
   * @throws ApiError `idempotency_key_reused` when the key came with another request before
   */
  async earlier(command: GenerationCommand, admission: IdempotentAdmission): Promise<GenerationEntity | null> {
    const { principal, idempotency } = command;
    if (admission.key !== undefined) {
      const known = await this.repository.find(principal, admission.key, this.clock.nowMs());
      if (known === null) return null;
      if (known.fingerprint !== admission.fingerprint) {
        throw new ApiError(
          'idempotency_key_reused',
          'This Idempotency-Key was sent with another request before. Use a new key for a new request.',
          {
            param: 'idempotency-key',
            generationId: known.generationId,
          },
        );
      }
      return this.generations.findAny(known.generationId);
    }
    if (idempotency === undefined || (!idempotency.isRetry && !idempotency.guard)) return null;
    return this.repeated(command, admission.fingerprint);
  }

  /** Without a key, only what the client calls a retry, or what follows a connection that broke, is taken for the same wish. */
  private async repeated({ principal, idempotency }: GenerationCommand, fingerprint: string): Promise<GenerationEntity | null> {
    const now = this.clock.nowMs();
    const guardMs = this.config.idempotency.duplicate_guard_seconds * 1000;
    const isRetry = idempotency?.isRetry === true;
    const sinceMs = now - (isRetry ? RETRY_WINDOW_MS : guardMs);
    const { orgId, appId, keyId = null } = principal;
    const id = await this.repeatedRequests.latest({ orgId, appId, keyId, fingerprint, sinceMs }, { onlyBroken: !isRetry });
    const latest = id === null ? null : await this.generations.findAny(id);
    // What failed and cost nothing may be tried anew; a failure that may have cost something is answered again.
    if (latest === null || (latest.status === 'failed' && latest.holdState === 'released') || latest.status === 'cancelled') return null;
    return latest;
  }
}

/** SHA-256 of all that decides what is made and how it is delivered; uploads count by their content, not by their names. */
export function fingerprintOf(command: GenerationCommand): string {
  const { operation, model, prompt, n, params, extra, unknown, gateway, user, metadata, partialImages, stream, delivery } = command;
  const { quoteId, webhook } = command;
  // What the request says of it, not what its key or the configuration had to say at the time.
  const { strict = true } = command;
  const references = command.references.map(({ role, source }) => {
    switch (source.kind) {
      case 'ingested':
      case 'held':
        return { role, sha256: source.reference.blob.sha256 };
      case 'base64':
        return { role, base64: hash('sha256', source.value) };
      case 'url':
        return { role, url: source.url.length > 2048 ? hash('sha256', source.url) : source.url };
      case 'stream':
        throw new Error('A stream is stored before its request is compared');
    }
  });
  const facts = {
    operation,
    model,
    prompt,
    n,
    params,
    extra,
    unknown,
    gateway,
    strict,
    user,
    metadata,
    partialImages,
    stream,
    delivery,
    quoteId,
    webhook,
    references,
  };
  // As `canonicalJson` writes it, without sorting names that are always the same.
  let text = '';
  for (const [name, lead] of FACT_NAMES) {
    const value = facts[name];
    if (value !== undefined) text += `${text === '' ? '' : ','}${lead}${canonicalJson(value)}`;
  }
  return hash('sha256', `{${text}}`);
}

const FACT_NAMES = (
  [
    'delivery',
    'extra',
    'gateway',
    'metadata',
    'model',
    'n',
    'operation',
    'params',
    'partialImages',
    'prompt',
    'quoteId',
    'references',
    'stream',
    'strict',
    'unknown',
    'user',
    'webhook',
  ] as const
).map((name) => [name, `"${name}":`] as const);
