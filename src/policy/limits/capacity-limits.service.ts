import { Inject, Injectable } from '@nestjs/common';
import { KeyCapacities } from '../../domain/access/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import type { CapacityLimit, CapacityScope } from './capacity.policy.js';
import { limitsOfModel } from './model-limits.policy.js';

/** What limits of generations go by. */
export interface Limited {
  readonly keyId: string | null;
  readonly appId: string;
  readonly model: string;
  readonly provider: string;
}

/** Under which limits of work a generation falls. */
@Injectable()
export class CapacityLimits {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly keys: KeyCapacities,
  ) {}

  /** Those that have a bound. */
  async of({ keyId, appId, model, provider }: Limited): Promise<readonly CapacityLimit[]> {
    const { keys, applications, models, providers } = this.config.limits;
    const own = keyId === null ? undefined : await this.keys.of(keyId);
    const ofModel = limitsOfModel(models, model);
    return [
      ...(keyId === null ? [] : bounded('key', keyId, own?.maxInFlight ?? keys.max_in_flight, own?.maxQueued ?? keys.max_queued)),
      ...bounded('application', appId, applications.max_in_flight, applications.max_queued),
      ...bounded('model', model, ofModel?.max_in_flight, ofModel?.max_queued),
      ...bounded('provider', provider, providers[provider]?.max_in_flight, providers[provider]?.max_queued),
    ];
  }
}

function bounded(scope: CapacityScope, id: string, maxInFlight: number | undefined, maxQueued: number | undefined): CapacityLimit[] {
  if (maxInFlight === undefined && maxQueued === undefined) return [];
  return [{ scope, id, ...(maxInFlight === undefined ? {} : { maxInFlight }), ...(maxQueued === undefined ? {} : { maxQueued }) }];
}
