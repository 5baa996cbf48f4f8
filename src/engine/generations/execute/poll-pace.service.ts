import { Inject, Injectable, Logger } from '@nestjs/common';
import { ProviderRegistry } from '../../../domain/providers/index.js';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config, ConfigError } from '../../../platform/config/index.js';
import type { AttemptEntity } from '../model/attempt.entity.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import { CallbackTrustRepository } from '../store/callback-trust.repository.js';
import { LeasesRepository } from '../store/leases.repository.js';
import type { PollBudget } from '../store/poll-budgets.repository.js';
import { pollDelayMs } from '../vendor/polling.policy.js';
import { VendorCalls } from '../vendor/vendor-calls.service.js';

const REFRESH_MS = 5_000;
const MS_PER_SECOND = 1000;
/** A vendor that has called back is believed to call again for so long. */
const TRUST_MS = 3_600_000;

type Asked = Pick<GenerationEntity, 'provider' | 'model' | 'mediaType'>;

/** When a running job is looked at next: its model's schedule, stretched to what the vendor allows, and rarely where the vendor reports by itself. */
@Injectable()
export class PollPace {
  private readonly logger = new Logger(PollPace.name);
  private readonly budgets = new Map<string, readonly PollBudget[]>();
  private jobs: ReadonlyMap<string, number> = new Map();
  private readonly trustedUntilMs = new Map<string, number>();
  private refreshedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly registry: ProviderRegistry,
    private readonly leases: LeasesRepository,
    private readonly trust: CallbackTrustRepository,
    private readonly calls: VendorCalls,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    const known = new Set([
      ...registry.list().map(({ pluginId }) => pluginId),
      ...registry.rejections().flatMap(({ pluginId }) => pluginId ?? []),
    ]);
    const strangers = Object.keys(config.engine.polls_per_second).filter((id) => !known.has(id));
    if (strangers.length > 0) throw new ConfigError(strangers.map((id) => `engine.polls_per_second.${id}: there is no plugin of this id`));
  }

  /** What bounds the questions to a vendor account: its own budget, and that of all accounts of its vendor. */
  budgetsOf(provider: string): readonly PollBudget[] {
    let budgets = this.budgets.get(provider);
    if (budgets === undefined) {
      const { engine, providers } = this.config;
      const loaded = this.registry.provider(provider);
      const own = providers[provider]?.polls_per_second ?? loaded?.plugin.manifest.pollsPerSecond;
      const ofVendor = loaded === undefined ? undefined : engine.polls_per_second[loaded.pluginId];
      budgets = [
        ...(own === undefined ? [] : [{ subject: `account ${provider}`, perSecond: own }]),
        ...(ofVendor === undefined ? [] : [{ subject: `vendor ${loaded?.pluginId}`, perSecond: ofVendor }]),
      ];
      this.budgets.set(provider, budgets);
    }
    return budgets;
  }

  /** Learns from the database what other replicas see; at most every few seconds. */
  async refresh(): Promise<void> {
    const now = this.clock.monotonicMs();
    if (now - this.refreshedAtMs < REFRESH_MS) return;
    this.refreshedAtMs = now;
    const bounded = this.registry.list().flatMap(({ providerId }) => (this.budgetsOf(providerId).length === 0 ? [] : [providerId]));
    const jobs = await this.leases.jobsOf(bounded);
    const bySubject = new Map<string, number>();
    for (const provider of bounded) {
      for (const { subject } of this.budgetsOf(provider)) bySubject.set(subject, (bySubject.get(subject) ?? 0) + (jobs.get(provider) ?? 0));
    }
    this.jobs = bySubject;
    for (const [provider, untilMs] of await this.trust.all()) this.trustedUntilMs.set(provider, untilMs);
  }

  /** The pause before the next question about a job. @param wishMs the vendor's own wish */
  delayMs(generation: Asked, attempt: Pick<AttemptEntity, 'callbackToken'>, polls: number, wishMs?: number): number {
    const { provider } = generation;
    const shares = this.budgetsOf(provider).map(({ subject, perSecond }) => ((this.jobs.get(subject) ?? 0) * MS_PER_SECOND) / perSecond);
    const reports = attempt.callbackToken !== null && this.isTrusted(provider);
    return pollDelayMs(this.calls.pollSchedule(generation), polls, Math.random(), {
      wishMs,
      atLeastMs: Math.max(0, ...shares, reports ? this.config.engine.callback_poll_seconds * MS_PER_SECOND : 0),
    });
  }

  /** A callback of this vendor arrived, and its signature held. */
  async calledBack(provider: string): Promise<void> {
    const now = this.clock.nowMs();
    // Half of the time is left: nothing needs to be written for every call.
    if (this.trustedForMs(provider) > TRUST_MS / 2) return;
    await this.setTrust(provider, now + TRUST_MS);
  }

  /** A job that should have been called back was found at its end by a poll: until the next callback, polls are as frequent as elsewhere. */
  async missedCallback(provider: string): Promise<void> {
    if (this.isTrusted(provider)) await this.setTrust(provider, 0);
  }

  private isTrusted(provider: string): boolean {
    return this.trustedForMs(provider) > 0;
  }

  /** Longer than it is ever given for: an earlier clock had set it. */
  private trustedForMs(provider: string): number {
    const leftMs = (this.trustedUntilMs.get(provider) ?? 0) - this.clock.nowMs();
    return leftMs > TRUST_MS ? 0 : leftMs;
  }

  private async setTrust(provider: string, untilMs: number): Promise<void> {
    this.trustedUntilMs.set(provider, untilMs);
    try {
      await this.trust.set(provider, untilMs);
    } catch (error) {
      // Only an optimisation: what this process knows is enough until the database is back.
      this.logger.warn(`The record of callbacks from ${provider} could not be written: ${String(error)}`);
    }
  }
}
