import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/common/index.js';
import { ApiKeysRepository } from './api-keys.repository.js';

/** Other replicas' changes to a key are seen after this time at the latest. */
const FRESH_MS = 5_000;
const REMEMBERED_KEYS = 10_000;

/** What a key may have under way. Undefined: nothing of its own. */
export interface KeyCapacity {
  readonly maxInFlight?: number;
  readonly maxQueued?: number;
}

/** What keys may have under way, also when their request was made some time ago. */
@Injectable()
export class KeyCapacities {
  private readonly remembered = new Map<string, { readonly capacity: KeyCapacity; readonly freshUntilMs: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly keys: ApiKeysRepository,
  ) {}

  async of(keyId: string): Promise<KeyCapacity> {
    const nowMs = this.clock.monotonicMs();
    const known = this.remembered.get(keyId);
    if (known !== undefined && known.freshUntilMs > nowMs) return known.capacity;
    const found = await this.keys.capacityOf(keyId);
    const capacity = {
      ...(found?.maxInFlight == null ? {} : { maxInFlight: found.maxInFlight }),
      ...(found?.maxQueued == null ? {} : { maxQueued: found.maxQueued }),
    };
    if (this.remembered.size >= REMEMBERED_KEYS) this.remembered.clear();
    this.remembered.set(keyId, { capacity, freshUntilMs: nowMs + FRESH_MS });
    return capacity;
  }

  /** Makes this process see a change at once. */
  forget(keyId: string): void {
    this.remembered.delete(keyId);
  }
}
