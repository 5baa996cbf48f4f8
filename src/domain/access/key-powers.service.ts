import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError, formatUsd, type Micros } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { type Principal, SCOPES, type Scope } from './access.js';
import type { ApiKeyEntity } from './api-key.entity.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import { KeyQuotas } from './key-quota.port.js';
import { excessOf, type Powers, widened } from './powers.policy.js';

export type Limited = Pick<ApiKeyEntity, 'scopes' | 'allowedModels' | 'expiresAt' | 'rpmLimit' | 'maxInFlight' | 'maxQueued'>;

/** No key makes another into more than it is itself, nor itself into more than it was made. Callers without a key have no bound. */
@Injectable()
export class KeyPowers {
  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly quotas: KeyQuotas,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** What is not said of a key itself is as the configuration has it. */
  of(key: Limited, quotaMicros: Micros | null): Powers {
    const { keys } = this.config.limits;
    return {
      scopes: key.scopes.split(',').filter((scope): scope is Scope => (SCOPES as readonly string[]).includes(scope)),
      allowedModels: key.allowedModels,
      expiresAt: key.expiresAt,
      quotaMicros,
      rpmLimit: key.rpmLimit ?? keys.requests_per_minute ?? null,
      maxInFlight: key.maxInFlight ?? keys.max_in_flight ?? null,
      maxQueued: key.maxQueued ?? keys.max_queued ?? null,
    };
  }

  /** @throws ApiError `forbidden` when it is more than the caller is, whose key makes it, or takes it over with a new secret */
  async check(caller: Principal, wanted: Partial<Powers>): Promise<void> {
    const own = await this.ownOf(caller);
    const excess = own === null ? undefined : excessOf(wanted, own);
    if (excess === undefined) return;
    const { param, message, accepted } = excess;
    throw new ApiError('forbidden', `This API key may not grant ${param}, because ${message}.`, {
      param,
      ...(accepted === undefined ? {} : { accepted }),
    });
  }

  /** What becomes less may become so by anybody. @throws ApiError `forbidden` */
  checkChange(caller: Principal, before: Powers, after: Powers): Promise<void> {
    return this.check(caller, widened(before, after));
  }

  /**
   * Takes what a key gives to another from its own quota, where it has one, inside the transaction that gives it. Otherwise every further key
   * could spend the same money again.
   * @throws ApiError `forbidden` when there is not so much left
   */
  async payQuota(manager: EntityManager, { keyId }: Principal, amountMicros: Micros, nowMs: number): Promise<void> {
    if (keyId === undefined || amountMicros <= 0) return;
    const leftMicros = await this.quotas.take(manager, keyId, amountMicros, nowMs);
    if (leftMicros === null) return;
    throw new ApiError('forbidden', `This API key may not grant a token_quota beyond the ${formatUsd(leftMicros)} USD left of its own.`, {
      param: 'token_quota',
    });
  }

  private async ownOf(caller: Principal): Promise<Powers | null> {
    const { keyId } = caller;
    if (keyId === undefined) return null;
    const [key, spending] = await Promise.all([this.keys.find(caller, keyId), this.quotas.of([keyId])]);
    if (key === null) throw new ApiError('invalid_api_key', 'This API key is not known or was revoked.');
    return this.of(key, spending.get(keyId)?.quotaMicros ?? null);
  }
}
